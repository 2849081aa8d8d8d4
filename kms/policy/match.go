package policy

import "strings"

// cover is how a statement's principals cover a caller; a greater one decides.
type cover int

const (
	coversNot cover = iota
	coversAccount
	coversDirectly
)

// ask is a request, prepared.
type ask struct {
	*Request
	action string // lower case
	run    *run
}

func (r *Request) prepare(steps int) ask {
	return ask{Request: r, action: strings.ToLower(r.Action), run: newRun(r.Context, steps)}
}

// applies tells whether a statement applies to a request by everyone whom it covers.
func (s *statement) applies(a ask) bool {
	found := s.isFor(a)
	if !found.holds(s.effect) {
		return false
	}
	found = min(found, s.about(a))
	for i := 0; i < len(s.conditions) && found.holds(s.effect); i++ {
		found = min(found, s.conditions[i].matches(a.run))
	}
	return found.holds(s.effect)
}

// isFor tells whether the request's action is one of the statement's.
func (s *statement) isFor(a ask) truth {
	found := no
	for i := range s.actions {
		if found = max(found, s.actions[i].match(a.action, a.run)); found == yes || a.run.spent() {
			break
		}
	}
	return found.negateIf(s.notAction)
}

// about tells whether the request's resource is one of the statement's.
func (s *statement) about(a ask) truth {
	if s.resources == nil {
		return yes
	}
	found := no
	for i := range s.resources {
		if found = max(found, s.resources[i].match(a.Resource, a.run)); found == yes || a.run.spent() {
			break
		}
	}
	return found.negateIf(s.notAbout)
}

// covers tells how a statement's principals cover a caller. A nil element covers nobody: it is an identity policy's.
func (p *principals) covers(who Principal, e Effect) cover {
	if p == nil {
		return coversNot
	}
	best := coversNot
	for i := range p.list {
		best = max(best, p.list[i].covers(who))
	}
	switch {
	case !p.not:
		return best
	case best == coversNot:
		return coversDirectly
	case e == Deny && best == coversAccount:
		// Who is spared from a denial must be named: AWS looks at the account first and at the user then, and denies
		// one whose account alone is exempt (IAM User Guide, "AWS JSON policy elements: NotPrincipal").
		return coversDirectly
	default:
		return coversNot
	}
}

func (p *principal) covers(who Principal) cover {
	switch {
	case p.form == anyone, p.form == named && who.is(p.id), p.form == anAccount && p.account == who.Account && who.Root:
		return coversDirectly
	case p.form == anAccount && p.account == who.Account:
		return coversAccount
	default:
		return coversNot
	}
}

// is tells whether a unique id is the caller's, or that of the role whose session the caller is.
func (who Principal) is(id string) bool {
	if id == "" {
		return false
	}
	return id == who.ID || strings.HasPrefix(who.ID, id) && who.ID[len(id)] == ':'
}

// isNobody tells a request without a principal.
func (who Principal) isNobody() bool { return !isAccount(who.Account) }

// String is how reasons speak of a principal: its ARN, or "the root of account 111122223333".
func (who Principal) String() string {
	switch {
	case who.Root:
		return "the root of account " + who.Account
	case who.ARN == "":
		return "a principal of account " + who.Account
	default:
		return who.ARN
	}
}

// accountOf is the account in an ARN; empty, and so nobody's, when it is none.
func accountOf(arn string) string {
	if parts := splitARN(arn); parts != nil {
		return parts[4]
	}
	return ""
}

// AllowsUpdate is AWS's lock-out safety check (AWS KMS API Reference, "PutKeyPolicy",
// BypassPolicyLockoutSafetyCheck): whether who could replace this policy on the key with the ARN key, by
// kms:PutKeyPolicy, alone or with the help of an identity policy of the key's own account. The context is that of the
// request which brings the policy.
func (p *Policy) AllowsUpdate(who Principal, key string, ctx Context) bool {
	r := Request{Principal: who, Action: "kms:PutKeyPolicy", Resource: key, Context: ctx}
	found := p.search(r.prepare(maxSteps))
	return !who.isNobody() && who.Account == accountOf(key) && found.denies == none && found.best > coversNot
}
