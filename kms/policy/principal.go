package policy

import (
	"slices"
	"strings"
)

// principal is one entry of a Principal element. Exactly one member is set.
type principal struct {
	anyone  bool
	account string // the account principal, written as 12 digits or as the ARN of its root
	arn     string // one user or role
}

// principals reads "*" or {"AWS": ...}.
func (g *grammar) principals(n node) ([]principal, error) {
	if n.kind == stringKind && n.text == "*" {
		return []principal{{anyone: true}}, nil
	}
	if n.kind != objectKind || len(n.members) == 0 {
		return nil, g.errorf(n.at, "Principal must be \"*\" or an object with the member \"AWS\"")
	}
	var list []principal
	for _, m := range n.members {
		if slices.Contains(principalTypes, m.name) {
			return nil, g.errorf(m.at, unsupported, "a principal of type "+m.name)
		}
		if m.name != "AWS" {
			return nil, g.errorf(m.at, "Principal has no member %q", m.name)
		}
		items, err := g.strings("Principal", m.value)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			p, err := g.principal(item)
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
	}
	return list, nil
}

func (g *grammar) principal(n node) (principal, error) {
	s := n.text
	switch {
	case s == "*":
		return principal{anyone: true}, nil
	case isAccount(s):
		return principal{account: s}, nil
	case strings.ContainsAny(s, "*?"):
		return principal{}, g.errorf(n.at, "the principal %q has a wildcard; only \"*\" alone is one", s)
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !isPartition(parts[1]) || parts[3] != "" || !isAccount(parts[4]) {
		return principal{}, g.errorf(n.at, "the principal %q is not an account, a user or a role", s)
	}
	if parts[2] == "sts" {
		return principal{}, g.errorf(n.at, unsupported, "a session principal")
	}
	if parts[2] == "iam" && parts[5] == "root" {
		return principal{account: parts[4]}, nil
	}
	if parts[2] == "iam" && isIdentity(parts[5]) {
		return principal{arn: s}, nil
	}
	return principal{}, g.errorf(n.at, "the principal %q is not an account, a user or a role", s)
}

func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }

func isPartition(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// isIdentity tells user/name or role/name with an optional path (IAM User Guide, "IAM identifiers"): names have up to
// 64 of the characters [\w+=,.@-], paths up to 512 of U+0021 to U+007E. A group is not a principal.
func isIdentity(s string) bool {
	rest, ok := strings.CutPrefix(s, "user/")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "role/"); !ok {
			return false
		}
	}
	cut := strings.LastIndexByte(rest, '/') + 1
	path, name := rest[:cut], rest[cut:]
	if name == "" || len(name) > 64 || len(path) > 511 {
		return false
	}
	for _, c := range []byte(path) {
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	return strings.Trim(name, alphanumeric+"_+=,.@-") == ""
}
