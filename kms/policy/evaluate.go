package policy

import (
	"fmt"
	"strings"
)

// Principal is who asks. ARN is the user's or role's own ARN; a zero Principal is nobody, whom no policy allows.
type Principal struct {
	Account string // 12 digits
	ARN     string
	Root    bool // the account's root itself
}

// Request is what is asked: an action such as "kms:Encrypt" on the key with the ARN Resource.
type Request struct {
	Principal Principal
	Action    string
	Resource  string
}

// Decision is the answer of one policy. The zero value is a denial.
type Decision struct {
	// Allowed: the policy alone allows the request.
	Allowed bool
	// Delegated: the policy alone does not allow the request, but lets the caller's account do so. That is the case
	// when a statement allows the account principal, and when the caller is of another account than the key and not
	// its root: such a caller always needs an identity policy too (facts 5.2). Without one the request is denied.
	Delegated bool
	// ExplicitDeny: a statement denies the request; nothing else can allow it.
	ExplicitDeny bool
	// Effect and Statement are of the statement that decided, counted from 1; both are 0 when none matched.
	Effect    Effect
	Statement int
	// Reason is a sentence for people, without its full stop.
	Reason string
}

// match is how a statement's principals cover a caller; a greater one decides.
type match int

const (
	matchNone match = iota
	matchAccount
	matchDirect
)

// Evaluate decides a request: a statement that denies wins over every one that allows, one that allows the caller
// wins over one that allows only the account, and without any the answer is no. Among equals the first is named.
func (p *Policy) Evaluate(r Request) Decision {
	if !isAccount(r.Principal.Account) {
		return Decision{Reason: "the request has no principal"}
	}
	action := strings.ToLower(r.Action)
	best, allower := matchNone, 0
	for i, s := range p.statements {
		how := s.covers(r.Principal)
		if how == matchNone || !matchesAny(s.actions, action) || !matchesAny(s.resources, r.Resource) {
			continue
		}
		// A denied account is denied with everybody in it: a denial is not delegated.
		if s.effect == Deny {
			reason := fmt.Sprintf("%s denies %s %s", p.name(i), r.Principal, r.Action)
			return Decision{ExplicitDeny: true, Effect: Deny, Statement: i + 1, Reason: reason}
		}
		if how > best {
			best, allower = how, i
		}
	}
	if best == matchNone {
		return Decision{Reason: fmt.Sprintf("no statement allows %s %s", r.Principal, r.Action)}
	}
	return p.allow(allower, best, r)
}

// allow is the decision when statement i is the best that allows.
func (p *Policy) allow(i int, how match, r Request) Decision {
	d := Decision{Effect: Allow, Statement: i + 1}
	who := r.Principal
	foreign := who.Account != accountOf(r.Resource)
	switch {
	case who.Root || how == matchDirect && !foreign:
		d.Allowed = true
		d.Reason = fmt.Sprintf("%s allows %s %s", p.name(i), who, r.Action)
	case how == matchDirect:
		d.Delegated = true
		d.Reason = fmt.Sprintf("%s allows %s %s if an identity policy of account %s does", p.name(i), who, r.Action, who.Account)
	default:
		d.Delegated = true
		d.Reason = fmt.Sprintf("%s leaves %s to the identity policies of account %s", p.name(i), r.Action, who.Account)
	}
	return d
}

// AllowsUpdate is AWS's lock-out safety check (facts 5.4): whether who could replace this policy on the key with the
// ARN key, by kms:PutKeyPolicy, alone or with the help of an identity policy of the key's account.
func (p *Policy) AllowsUpdate(who Principal, key string) bool {
	d := p.Evaluate(Request{Principal: who, Action: "kms:PutKeyPolicy", Resource: key})
	return who.Account == accountOf(key) && (d.Allowed || d.Delegated)
}

// covers tells how a statement's principals cover a caller.
func (s *statement) covers(who Principal) match {
	how := matchNone
	for _, p := range s.principals {
		switch {
		case p.anyone, p.arn != "" && p.arn == who.ARN, p.account == who.Account && who.Root:
			return matchDirect
		case p.account == who.Account:
			how = matchAccount
		}
	}
	return how
}

// name is how reasons speak of statement i.
func (p *Policy) name(i int) string {
	if sid := p.statements[i].sid; sid != "" {
		return fmt.Sprintf("statement %d (%q)", i+1, sid)
	}
	return fmt.Sprintf("statement %d", i+1)
}

// String is how reasons speak of a principal: "account 111122223333", or its ARN.
func (who Principal) String() string {
	if who.Root || who.ARN == "" {
		return "account " + who.Account
	}
	return who.ARN
}

// accountOf is the account in the ARN of a key; empty, and so nobody's, when it is none.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return ""
	}
	return parts[4]
}
