package policy

import "strings"

// condition is one operator with one key (IAM User Guide, "IAM JSON policy elements: Condition operators").
type condition struct {
	operator, name string // as the document spells them, for people
	key            ConditionKey
	wanted         []string // the values as written, for people
	tests          []test
	set            setOperator
	negated        bool // none of the tests may hold
	ifExists       bool
	null           bool
}

// test compares a value of the request with a value of the document.
type test func(got string, r *run) truth

// setOperator tells how many of the request's values must match (IAM User Guide, "Set operators for multi-valued
// context keys").
type setOperator int

const (
	oneValue setOperator = iota // none is given
	allValues
	anyValue
)

// matches tells whether a request meets the condition.
func (c *condition) matches(r *run) truth {
	if r.spent() {
		return unsure
	}
	v := r.lookup(c.key)
	switch {
	case v.Ambiguous:
		return unsure
	case c.null:
		// A key without a value is null, too.
		return c.anyTest(boolText(len(v.List) == 0), r)
	case !v.Present && c.ifExists:
		return yes
	case len(v.List) == 0:
		return sure(c.set == allValues || c.set == oneValue && c.negated)
	default:
		return c.matchValues(v.List, r)
	}
}

func (c *condition) matchValues(list []string, r *run) truth {
	least, most := yes, no
	for _, got := range list {
		if r.spent() {
			return unsure
		}
		t := c.anyTest(got, r).negateIf(c.negated)
		least, most = min(least, t), max(most, t)
	}
	switch {
	case c.set == allValues:
		return least
	case c.set == anyValue || least == most:
		return most
	default:
		// Several values without a set operator: AWS does not say which of them counts. They must agree.
		return unsure
	}
}

func (c *condition) anyTest(got string, r *run) truth {
	found := no
	for _, t := range c.tests {
		if !r.spend(stepsOfTest) {
			return max(found, unsure)
		}
		if found = max(found, t(got, r)); found == yes {
			break
		}
	}
	return found
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// subKeys are the names of keys that go on with a part of the document's own choice.
var subKeys = []string{"kms:encryptioncontext:", "aws:principaltag/", "aws:requesttag/", "aws:resourcetag/"}

// conditionKey reads the name of a key, which has a prefix for whose it is.
func conditionKey(name string) (ConditionKey, bool) {
	lower := strings.ToLower(name)
	for _, prefix := range subKeys {
		// The lower case has the same length: documents have no characters for which it has not.
		if strings.HasPrefix(lower, prefix) {
			return ConditionKey{Name: prefix[:len(prefix)-1], Sub: name[len(prefix):]}, len(name) > len(prefix)
		}
	}
	owner, rest, ok := strings.Cut(name, ":")
	return ConditionKey{Name: lower}, ok && owner != "" && rest != ""
}

// conditions reads {operator: {key: values}}.
func (g *grammar) conditions(n node) ([]condition, error) {
	if n.kind != objectKind {
		return nil, g.errorf(n.at, "Condition must be an object, not %v", n.kind)
	}
	var list []condition
	seen := map[string]bool{}
	for _, m := range n.members {
		// A second spelling of one operator would be one more member of an object that may have it once.
		name := strings.ToLower(m.name)
		if seen[name] {
			return nil, g.errorf(m.at, "the operator %q is given twice", m.name)
		}
		seen[name] = true
		more, err := g.operator(m)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// operator reads the keys under one operator.
func (g *grammar) operator(m member) ([]condition, error) {
	form, op, ok := findOperator(m.name)
	if !ok {
		return nil, g.errorf(m.at, "there is no condition operator %q", m.name)
	}
	if m.value.kind != objectKind {
		return nil, g.errorf(m.value.at, "%s must be an object of condition keys, not %v", m.name, m.value.kind)
	}
	var list []condition
	seen := map[ConditionKey]bool{}
	for _, k := range m.value.members {
		c := form
		c.name = k.name
		if c.key, ok = conditionKey(k.name); !ok {
			return nil, g.errorf(k.at, "%q is not a condition key; they are of the form kms:Name", k.name)
		}
		if seen[c.key] {
			return nil, g.errorf(k.at, "the condition key %q is given twice", k.name)
		}
		seen[c.key] = true
		if err := g.values(&c, op, k.value); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// values reads a string, number or boolean, or a list of them. An empty list would make a condition that no request
// meets, or that every request does: nobody means it.
func (g *grammar) values(c *condition, op operator, n node) error {
	items := []node{n}
	if n.kind == arrayKind {
		items = n.items
	}
	if len(items) == 0 {
		return g.errorf(n.at, "%s has no values for %s", c.operator, c.name)
	}
	for _, item := range items {
		if item.kind != stringKind && item.kind != numberKind && item.kind != boolKind {
			return g.errorf(item.at, "%s compares with a string, a number or a boolean, not %v", c.operator, item.kind)
		}
		t, err := op.compile(g, item)
		if err != nil {
			return err
		}
		c.tests = append(c.tests, t)
		c.wanted = append(c.wanted, item.text)
	}
	return nil
}
