package policy

// statement is one statement, compiled.
type statement struct {
	sid        string
	effect     Effect
	who        *principals // nil in an identity policy
	actions    []pattern   // lower case, never empty
	notAction  bool
	resources  []template // nil in a trust policy, whose resource is the role that it belongs to
	notAbout   bool       // the resources are of NotResource
	conditions []condition
}

// grammar turns the JSON values of one document into statements.
type grammar struct {
	source
	variables bool // the version has policy variables
	searches  int  // so far, see maxSearches
}

func (g *grammar) errorf(at int, format string, args ...any) error {
	return g.errorAt(at, format, args...)
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
// one is of 2008-10-17 (IAM User Guide, "IAM JSON policy elements: Version").
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
	p := &Policy{kind: g.kind, document: g.document}
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
	return s, g.complete(n, &s)
}

// complete refuses a statement that lacks an element. AWS stores a key policy's statement without Resource and never
// applies it (AWS KMS Developer Guide, "Key policies in AWS KMS"), so a Deny without one would protect nothing while
// everybody who reads it believes that it does; here it is refused.
func (g *grammar) complete(n node, s *statement) error {
	for _, want := range []struct {
		name    string
		missing bool
	}{
		{"Effect", s.effect == 0},
		{"Principal", s.who == nil && g.kind != IdentityPolicy},
		{"Action", s.actions == nil},
		{"Resource", s.resources == nil && g.kind != TrustPolicy},
	} {
		if want.missing {
			err := g.errorAt(n.at, "the statement has no %s", want.name)
			if want.name == "Principal" {
				err.Class = ClassPrincipal
			}
			return err
		}
	}
	return nil
}

func (g *grammar) statementMember(s *statement, m member) (err error) {
	switch m.name {
	case "Sid":
		s.sid, err = g.text("Sid", m.value)
	case "Effect":
		s.effect, err = g.effect(m.value)
	case "Principal", "NotPrincipal":
		err = g.who(s, m)
	case "Action", "NotAction":
		err = g.what(s, m)
	case "Resource", "NotResource":
		err = g.about(s, m)
	case "Condition":
		s.conditions, err = g.conditions(m.value)
	default:
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
