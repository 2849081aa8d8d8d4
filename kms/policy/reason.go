package policy

import "strconv"

// label is how reasons speak of statement i.
func (p *Policy) label(i int) string {
	text := "statement " + strconv.Itoa(i+1)
	if sid := p.statements[i].sid; sid != "" {
		text += " (" + strconv.Quote(sid) + ")"
	}
	return text
}

func (s *sides) verdict(b Basis, reason string) Verdict {
	allowed := b == ByKeyPolicy || b == ByIdentityPolicy || b == ByGrant || b == ByRoot
	return Verdict{Allowed: allowed, Basis: b, Reason: reason}
}

// allowed and denied say what something does for the caller.
func (s *sides) allowed(what string) string {
	return what + " allows " + s.Principal.String() + " " + s.Action
}

func (s *sides) denied(what string) string {
	return what + " denies " + s.Principal.String() + " " + s.Action
}

func (s *sides) inResource(i int) string {
	return s.q.ResourcePolicy.label(i) + " of the " + s.q.ResourcePolicy.kind.String()
}

func (s *sides) inIdentity(i int) string {
	decider := s.q.Identity[s.identity]
	return decider.Policy.label(i) + " of the identity policy " + strconv.Quote(decider.Name)
}

// byResource is a verdict of statement i of the resource's policy.
func (s *sides) byResource(b Basis, i int) Verdict {
	say := s.allowed
	if b == DeniedByKeyPolicy {
		say = s.denied
	}
	v := s.verdict(b, say(s.inResource(i)))
	v.Statement, v.Sid = i+1, s.q.ResourcePolicy.statements[i].sid
	return v
}

// byIdentity is a verdict of statement i of the identity policy that decides.
func (s *sides) byIdentity(b Basis, i int) Verdict {
	say := s.allowed
	if b == DeniedByIdentity {
		say = s.denied
	}
	v := s.verdict(b, say(s.inIdentity(i)))
	if b == ByIdentityPolicy && s.resource.allows != none {
		v.Reason += "; " + s.inResource(s.resource.allows) + " leaves it to account " + s.Principal.Account
	}
	decider := s.q.Identity[s.identity]
	v.Policy, v.Statement, v.Sid = decider.Name, i+1, decider.Policy.statements[i].sid
	return v
}

// byGrant is a verdict of grant i, and of the identity policy that a grant for an account needs.
func (s *sides) byGrant(i int) Verdict {
	g := &s.q.Grants[i]
	v := s.verdict(ByGrant, s.allowed("grant "+g.ID))
	v.GrantID = g.ID
	if g.ForAccount && !s.Principal.Root {
		v.Reason = s.allowed(s.inIdentity(s.own.allows)) + "; grant " + g.ID + " leaves it to account " + s.Principal.Account
		decider := s.q.Identity[s.identity]
		v.Policy, v.Statement, v.Sid = decider.Name, s.own.allows+1, decider.Policy.statements[s.own.allows].sid
	}
	return v
}

func (s *sides) noIdentity() string {
	return "no identity policy of " + s.Principal.String() + " allows " + s.Action
}

// leftBy is what on the resource's side waits for an identity policy.
func (s *sides) leftBy() string {
	if s.resource.best > coversNot {
		return s.inResource(s.resource.allows)
	}
	return "grant " + s.q.Grants[s.shared].ID
}

// lacksResource is the denial for want of anything on the resource's side.
func (s *sides) lacksResource() Verdict {
	what := "the resource belongs to account " + s.q.Owner + " and nothing there"
	if s.q.ResourcePolicy != nil {
		what = "no statement of the " + s.q.ResourcePolicy.kind.String()
		if s.q.ResourcePolicy.kind == KeyPolicy {
			what += " and no grant"
		}
	}
	reason := s.allowed(what)
	switch {
	case s.own.allows != none:
		return s.verdict(LacksResource, reason+"; "+s.inIdentity(s.own.allows)+" does, which alone is not enough")
	case s.Principal.Root:
		return s.verdict(LacksResource, reason)
	default:
		return s.verdict(ByNothing, reason+", nor does an identity policy")
	}
}
