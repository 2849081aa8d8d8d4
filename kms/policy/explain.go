package policy

import (
	"maps"
	"slices"
	"strconv"
)

// Trace tells how one statement or one grant met a question.
type Trace struct {
	// Source is whose statement it is: "key policy", "trust policy", `identity policy "Name"`, or "grant" and its id.
	Source string
	// Policy is the name of an identity policy; GrantID is of a grant.
	Policy, GrantID string
	// Statement counts from 1 and is 0 in a grant; Sid is the statement's, if it has one.
	Statement int
	Sid       string
	Effect    Effect
	// Principal, Action and Resource tell whether the caller, the action and the resource are covered. ForAccount: the
	// caller is covered with its account, so that an Allow needs an identity policy's help.
	Principal, ForAccount, Action, Resource bool
	Conditions                              []ConditionTrace
	// Applies: everything matched.
	Applies bool
}

// ConditionTrace tells how one condition met a request.
type ConditionTrace struct {
	Operator, Key      string // as the document spells them
	Wanted             []string
	Found              []string // of the first conditions, when all together would be megabytes
	Present, Ambiguous bool
	// Matched: the condition lets the statement apply. An ambiguous one does so in a Deny and not in an Allow.
	Matched bool
}

// Explain tells about every statement and grant what of it met the question. It is for people: Decide stops at what
// decides, and does none of this work.
func Explain(q Question) []Trace {
	a := q.prepare(explainSteps)
	var list []Trace
	if q.ResourcePolicy != nil {
		for i := range q.ResourcePolicy.statements {
			list = append(list, q.ResourcePolicy.trace(i, a, q.ResourcePolicy.kind.String()))
		}
	}
	for _, bearer := range q.Identity {
		if bearer.Policy == nil {
			continue
		}
		for i := range bearer.Policy.statements {
			t := bearer.Policy.trace(i, a, "identity policy "+strconv.Quote(bearer.Name))
			t.Policy = bearer.Name
			list = append(list, t)
		}
	}
	for i := range q.Grants {
		list = append(list, q.Grants[i].trace(&q, a))
	}
	return list
}

// trace is the trace of statement i.
func (p *Policy) trace(i int, a ask, source string) Trace {
	s := &p.statements[i]
	how := coversDirectly
	if p.kind != IdentityPolicy {
		how = s.who.covers(a.Principal, s.effect)
	}
	t := Trace{
		Source: source, Statement: i + 1, Sid: s.sid, Effect: s.effect,
		Principal: how > coversNot && !a.Principal.isNobody(), ForAccount: how == coversAccount,
		Action: s.isFor(a).holds(s.effect), Resource: s.about(a).holds(s.effect),
	}
	t.Applies = t.Principal && s.applies(a)
	for j := range s.conditions {
		t.Conditions = append(t.Conditions, s.conditions[j].trace(a.run, s.effect))
	}
	return t
}

func (c *condition) trace(r *run, e Effect) ConditionTrace {
	v := r.lookup(c.key)
	t := ConditionTrace{
		Operator: c.operator, Key: c.name, Wanted: slices.Clone(c.wanted),
		Present: v.Present, Ambiguous: v.Ambiguous, Matched: c.matches(r).holds(e),
	}
	for _, value := range v.List {
		if r.spend(stepsOfTest + len(value)) {
			t.Found = append(t.Found, value)
		}
	}
	return t
}

func (g *Grant) trace(q *Question, a ask) Trace {
	t := Trace{
		Source: "grant " + g.ID, GrantID: g.ID, Effect: Allow,
		Principal: !a.Principal.isNobody(), ForAccount: g.ForAccount && !a.Principal.Root,
		Action: g.lists(a.action), Resource: true,
	}
	t.Applies = t.Principal && g.allows(a.action, q.EncryptionContext)
	for _, c := range []struct {
		name  string
		pairs map[string]string
		met   bool
	}{
		{"EncryptionContextEquals", g.Equals, g.meetsEquals(q.EncryptionContext)},
		{"EncryptionContextSubset", g.Subset, g.meetsSubset(q.EncryptionContext)},
	} {
		if c.pairs != nil {
			t.Conditions = append(t.Conditions, ConditionTrace{
				Operator: c.name, Key: "the encryption context", Wanted: pairs(c.pairs), Found: pairs(q.EncryptionContext),
				Present: len(q.EncryptionContext) > 0, Matched: c.met || unconstrained(a.action),
			})
		}
	}
	return t
}

// pairs are the members of an encryption context, in order.
func pairs(m map[string]string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, name+"="+m[name])
	}
	return list
}
