package policy

import (
	"slices"
	"strings"
)

// statement is one statement, compiled. Its lists are never empty.
type statement struct {
	sid        string
	effect     Effect
	principals []principal
	actions    []pattern // lower case
	resources  []pattern
}

// notEvaluated are the members of AWS's statement grammar that are known and refused.
var notEvaluated = []string{"Condition", "NotPrincipal", "NotAction", "NotResource"}

// principalTypes are the members of AWS's Principal that are known and refused.
var principalTypes = []string{"Service", "Federated", "CanonicalUser"}

const unsupported = "%s is not evaluated by this version; the policy is refused so that no part of it is kept and ignored"

// grammar turns the JSON values of one document into statements.
type grammar struct {
	document  string
	variables bool // the version has policy variables
}

func (g *grammar) errorf(at int, format string, args ...any) error {
	return errorAt(g.document, at, format, args...)
}

func (g *grammar) policy(root node) (*Policy, error) {
	if root.kind != objectKind {
		return nil, g.errorf(root.at, "a policy is an object, not %v", root.kind)
	}
	var list *node
	for _, m := range root.members {
		var err error
		switch m.name {
		case "Version":
			err = g.version(m.value)
		case "Id":
			_, err = g.text("Id", m.value)
		case "Statement":
			list = &m.value
		default:
			err = g.errorf(m.at, "a policy has no member %q", m.name)
		}
		if err != nil {
			return nil, err
		}
	}
	if list == nil {
		return nil, g.errorf(root.at, "the policy has no Statement")
	}
	return g.statements(*list)
}

// version reads Version, which may stand after the statements: they are read when it is known. A document without
// one is of 2008-10-17 (IAM User Guide, "Version").
func (g *grammar) version(n node) error {
	v, err := g.text("Version", n)
	if err != nil {
		return err
	}
	if v != "2012-10-17" && v != "2008-10-17" {
		return g.errorf(n.at, "Version is %q; it must be \"2012-10-17\" or \"2008-10-17\"", v)
	}
	g.variables = v == "2012-10-17"
	return nil
}

func (g *grammar) statements(n node) (*Policy, error) {
	items := n.items
	switch {
	case n.kind == objectKind:
		items = []node{n}
	case n.kind != arrayKind:
		return nil, g.errorf(n.at, "Statement must be an object or a list of objects, not %v", n.kind)
	case len(items) == 0:
		return nil, g.errorf(n.at, "Statement is empty; a policy has at least one statement")
	}
	p := &Policy{}
	for _, item := range items {
		s, err := g.statement(item)
		if err != nil {
			return nil, err
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func (g *grammar) statement(n node) (statement, error) {
	var s statement
	if n.kind != objectKind {
		return s, g.errorf(n.at, "a statement is an object, not %v", n.kind)
	}
	for _, m := range n.members {
		if err := g.statementMember(&s, m); err != nil {
			return s, err
		}
	}
	// AWS stores a statement without Resource and never applies it (facts 5.1). Such a Deny protects nothing.
	for _, want := range []struct {
		name    string
		missing bool
	}{
		{"Effect", s.effect == 0}, {"Principal", s.principals == nil},
		{"Action", s.actions == nil}, {"Resource", s.resources == nil},
	} {
		if want.missing {
			return s, g.errorf(n.at, "the statement has no %s", want.name)
		}
	}
	return s, nil
}

func (g *grammar) statementMember(s *statement, m member) (err error) {
	switch m.name {
	case "Sid":
		s.sid, err = g.text("Sid", m.value)
	case "Effect":
		s.effect, err = g.effect(m.value)
	case "Principal":
		s.principals, err = g.principals(m.value)
	case "Action":
		s.actions, err = g.patterns("Action", m.value, g.action)
	case "Resource":
		s.resources, err = g.patterns("Resource", m.value, g.resource)
	default:
		if slices.Contains(notEvaluated, m.name) {
			return g.errorf(m.at, unsupported, m.name)
		}
		return g.errorf(m.at, "a statement has no member %q", m.name)
	}
	return err
}

func (g *grammar) effect(n node) (Effect, error) {
	v, err := g.text("Effect", n)
	if err != nil {
		return 0, err
	}
	switch v {
	case "Allow":
		return Allow, nil
	case "Deny":
		return Deny, nil
	default:
		return 0, g.errorf(n.at, "Effect is %q; it must be \"Allow\" or \"Deny\"", v)
	}
}

// text reads a value that must be a string.
func (g *grammar) text(name string, n node) (string, error) {
	if n.kind != stringKind {
		return "", g.errorf(n.at, "%s must be a string, not %v", name, n.kind)
	}
	return n.text, nil
}

// strings reads a string or a list of strings that is not empty, as nodes so that errors find their place.
func (g *grammar) strings(name string, n node) ([]node, error) {
	items := n.items
	switch {
	case n.kind == stringKind:
		return []node{n}, nil
	case n.kind != arrayKind:
		return nil, g.errorf(n.at, "%s must be a string or a list of strings, not %v", name, n.kind)
	case len(items) == 0:
		return nil, g.errorf(n.at, "%s is an empty list", name)
	}
	for _, item := range items {
		if item.kind != stringKind {
			return nil, g.errorf(item.at, "%s is a list of strings; this is %v", name, item.kind)
		}
	}
	return items, nil
}

func (g *grammar) patterns(name string, n node, compile func(node) (pattern, error)) ([]pattern, error) {
	items, err := g.strings(name, n)
	if err != nil {
		return nil, err
	}
	list := make([]pattern, len(items))
	for i, item := range items {
		if list[i], err = compile(item); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// action compiles "*" or service:name; the name may hold wildcards, and case does not count.
func (g *grammar) action(n node) (pattern, error) {
	service, name, ok := strings.Cut(n.text, ":")
	good := ok && service != "" && strings.Trim(service, alphanumeric+"-") == "" &&
		name != "" && strings.Trim(name, alphanumeric+"*?") == ""
	if !good && n.text != "*" {
		return pattern{}, g.errorf(n.at, "the action %q is neither \"*\" nor of the form kms:Name", n.text)
	}
	return compile(strings.ToLower(n.text)), nil
}

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// resource compiles "*" or an ARN, which may hold wildcards.
func (g *grammar) resource(n node) (pattern, error) {
	if g.variables && strings.Contains(n.text, "${") {
		return pattern{}, g.errorf(n.at, unsupported, "a policy variable")
	}
	if n.text != "*" && (!strings.HasPrefix(n.text, "arn:") || strings.Count(n.text, ":") < 5) {
		return pattern{}, g.errorf(n.at, "the resource %q is neither \"*\" nor an ARN of six parts", n.text)
	}
	return compile(n.text), nil
}
