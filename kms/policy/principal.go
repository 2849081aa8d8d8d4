package policy

import (
	"slices"
	"strings"
)

// principals is a Principal or NotPrincipal element.
type principals struct {
	not  bool
	list []principal
}

// principal is one entry of a Principal element.
type principal struct {
	form    form
	at, end int    // where its string is in the document
	name    string // as the document has it, without escapes
	account string // the account principal, or the account in the ARN; empty for a unique id
	id      string // of a named principal that was bound: the unique id of whom it names
}

// form is how a principal is given (IAM User Guide, "AWS JSON policy elements: Principal").
type form int

const (
	anyone    form = iota + 1 // "*"
	anAccount                 // 12 digits, or the ARN of the root
	named                     // a user, a role or a session, by ARN or unique id
	// aStranger is of the types Service, Federated and CanonicalUser: nobody who calls here is one, so that an Allow
	// for it gives nothing, a Deny protects from nobody, and a NotPrincipal spares nobody.
	aStranger
)

var strangerTypes = []string{"Service", "Federated", "CanonicalUser"}

func (g *grammar) refusePrincipal(class Class, at int, format string, args ...any) error {
	err := g.errorAt(at, format, args...)
	err.Class = class
	return err
}

// principals reads "*" or {"AWS": ...}.
func (g *grammar) principals(m member) ([]principal, error) {
	n := m.value
	if n.kind == stringKind && n.text == "*" {
		return []principal{{form: anyone, at: n.at, end: n.end, name: "*"}}, nil
	}
	if n.kind != objectKind || len(n.members) == 0 {
		return nil, g.refusePrincipal(ClassPrincipal, n.at, "%s must be \"*\" or an object with the member \"AWS\"", m.name)
	}
	var list []principal
	for _, typed := range n.members {
		stranger := slices.Contains(strangerTypes, typed.name)
		if !stranger && typed.name != "AWS" {
			return nil, g.refusePrincipal(ClassPrincipal, typed.at, "%s has no member %q", m.name, typed.name)
		}
		items, err := g.strings(m.name, typed.value)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			p := principal{form: aStranger}
			if !stranger {
				p, err = g.principal(item)
			}
			if err != nil {
				return nil, err
			}
			p.at, p.end, p.name = item.at, item.end, item.text
			list = append(list, p)
		}
	}
	return list, nil
}

func (g *grammar) principal(n node) (principal, error) {
	s := n.text
	switch {
	case s == "*":
		return principal{form: anyone}, nil
	case isAccount(s):
		return principal{form: anAccount, account: s}, nil
	case isUniqueID(s):
		return principal{form: named}, nil
	case strings.ContainsAny(s, "*?"):
		return principal{}, g.refusePrincipal(ClassPrincipal, n.at, "the principal %q has a wildcard; only \"*\" alone is one", s)
	}
	if a := splitARN(s); len(a) == 6 && isPartition(a[1]) && a[3] == "" && isAccount(a[4]) {
		switch service, name := a[2], a[5]; {
		case service == "iam" && name == "root":
			return principal{form: anAccount, account: a[4]}, nil
		case service == "iam" && isIdentity(name), service == "sts" && isSession(name):
			return principal{form: named, account: a[4]}, nil
		case service == "iam" && strings.HasPrefix(name, "group/"):
			return principal{}, g.refusePrincipal(ClassARN, n.at, "the principal %q is a group; name its users or a role", s)
		}
	}
	return principal{}, g.refusePrincipal(ClassPrincipal, n.at, "the principal %q is not an account, a user, a role or a session", s)
}

// splitARN gives the six parts of an ARN; nil if s is none.
func splitARN(s string) []string {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return nil
	}
	return parts
}

func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }

func isPartition(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// isUniqueID tells the unique id of a user or role, or of one session of a role (IAM User Guide, "Unique identifiers").
func isUniqueID(s string) bool {
	id, session, ok := strings.Cut(s, ":")
	if ok && (!strings.HasPrefix(id, "AROA") || !isSessionName(session)) {
		return false
	}
	rest, user := strings.CutPrefix(id, "AIDA")
	if !user {
		var role bool
		if rest, role = strings.CutPrefix(id, "AROA"); !role {
			return false
		}
	}
	return rest != "" && len(rest) <= 124 && strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
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
	for _, c := range []byte(path) {
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	return len(path) <= 511 && isName(name)
}

// isSession tells assumed-role/role/session; a role's path is not part of it.
func isSession(s string) bool {
	rest, ok := strings.CutPrefix(s, "assumed-role/")
	role, session, two := strings.Cut(rest, "/")
	return ok && two && isName(role) && isSessionName(session)
}

func isSessionName(s string) bool { return len(s) >= 2 && isName(s) }

func isName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, alphanumeric+"_+=,.@-") == ""
}
