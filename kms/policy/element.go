package policy

import "strings"

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// who reads Principal or NotPrincipal.
func (g *grammar) who(s *statement, m member) error {
	if g.kind == IdentityPolicy {
		return g.errorf(m.at, "an identity policy has no %s: it is about whom it is attached to", m.name)
	}
	if s.who != nil {
		return g.errorf(m.at, "a statement has Principal or NotPrincipal, not both")
	}
	list, err := g.principals(m)
	s.who = &principals{not: m.name == "NotPrincipal", list: list}
	return err
}

// what reads Action or NotAction.
func (g *grammar) what(s *statement, m member) error {
	if s.actions != nil {
		return g.errorf(m.at, "a statement has Action or NotAction, not both")
	}
	items, err := g.strings(m.name, m.value)
	if err != nil {
		return err
	}
	s.notAction = m.name == "NotAction"
	for _, item := range items {
		if !isAction(item.text) {
			return g.errorf(item.at, "the action %q is neither \"*\" nor of the form kms:Name", item.text)
		}
		p := compile(wildcards(strings.ToLower(item.text)))
		if err := g.afford(item, p); err != nil {
			return err
		}
		s.actions = append(s.actions, p)
	}
	return nil
}

// isAction tells "*" and service:name; the name may hold wildcards.
func isAction(s string) bool {
	service, name, ok := strings.Cut(s, ":")
	return s == "*" || ok && service != "" && strings.Trim(service, alphanumeric+"-") == "" &&
		name != "" && strings.Trim(name, alphanumeric+"*?") == ""
}

// about reads Resource or NotResource: "*", or ARNs that may hold wildcards and policy variables.
func (g *grammar) about(s *statement, m member) error {
	if g.kind == TrustPolicy {
		return g.errorf(m.at, "a trust policy has no %s: it is about the role that it belongs to", m.name)
	}
	if s.resources != nil {
		return g.errorf(m.at, "a statement has Resource or NotResource, not both")
	}
	items, err := g.strings(m.name, m.value)
	if err != nil {
		return err
	}
	s.notAbout = m.name == "NotResource"
	for _, item := range items {
		if item.text != "*" && (!strings.HasPrefix(item.text, "arn:") || strings.Count(item.text, ":") < 5) {
			return g.errorf(item.at, "the resource %q is neither \"*\" nor an ARN of six parts", item.text)
		}
		t, err := g.template(item, true)
		if err != nil {
			return err
		}
		s.resources = append(s.resources, t)
	}
	return nil
}
