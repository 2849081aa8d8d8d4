package policy

// none is the index of no statement.
const none = -1

// finding is what one policy says about a request: the statement that denies it, or the best of those that allow it.
type finding struct {
	denies int
	allows int
	best   cover // of the statement that allows
}

// search looks for the first statement that denies, and for the first of the best that allow. A denied account is
// denied with everybody in it: a denial is not delegated.
func (p *Policy) search(a ask) finding {
	f := finding{denies: none, allows: none}
	for i := range p.statements {
		s := &p.statements[i]
		how := s.who.covers(a.Principal, s.effect)
		if s.effect == Allow && how <= f.best || how == coversNot || !s.applies(a) {
			continue
		}
		if s.effect == Deny {
			return finding{denies: i, allows: none}
		}
		f.allows, f.best = i, how
	}
	return f
}

// searchIdentity is search in an identity policy, which is about its bearer.
func (p *Policy) searchIdentity(a ask) finding {
	f := finding{denies: none, allows: none}
	if p == nil || p.kind != IdentityPolicy {
		return f
	}
	for i := range p.statements {
		s := &p.statements[i]
		if s.effect == Allow && f.allows != none || !s.applies(a) {
			continue
		}
		if s.effect == Deny {
			return finding{denies: i, allows: none}
		}
		f.allows, f.best = i, coversDirectly
	}
	return f
}

// sides is what all policies and grants say about a question.
type sides struct {
	ask
	q        *Question
	resource finding
	identity int // the index in q.Identity of the policy that decides, or none
	own      finding
	grant    int // the index in q.Grants of a grant for the caller itself, or none
	shared   int // the same of a grant for the whole account
}

// Decide answers a question (IAM User Guide, "Policy evaluation logic"; AWS KMS Developer Guide, "Key access"). An
// explicit denial wins over everything. In the resource's own account, it is enough that the resource's policy allows
// the caller itself, or leaves it to the account and an identity policy allows it, or a grant does. A caller of another
// account needs both sides, or a grant. Without a resource's policy, identity policies decide, for callers of the
// resource's account or where the resource is nobody's.
//
// A decision takes a few milliseconds at most: once it has compared that much, every further comparison of it is unsure,
// which helps no caller, and the reason says so.
func Decide(q Question) Verdict {
	if q.Principal.isNobody() {
		return Verdict{Reason: "the request has no principal"}
	}
	s := sides{ask: q.prepare(maxSteps), q: &q, identity: none, grant: none, shared: none}
	v := s.decide()
	if s.run.spent() {
		v.Reason += "; policies and request are too much to compare, and what was not compared helps nobody"
	}
	return v
}

func (s *sides) decide() Verdict {
	s.resource = finding{denies: none, allows: none}
	if s.q.ResourcePolicy != nil {
		s.resource = s.q.ResourcePolicy.search(s.ask)
	}
	if s.resource.denies != none {
		return s.byResource(DeniedByKeyPolicy, s.resource.denies)
	}
	if s.askIdentity(); s.own.denies != none {
		return s.byIdentity(DeniedByIdentity, s.own.denies)
	}
	if s.q.ResourcePolicy == nil {
		return s.withoutResourcePolicy()
	}
	s.askGrants()
	return s.withResourcePolicy()
}

// askIdentity asks every identity policy, as a denial in any of them counts.
func (s *sides) askIdentity() {
	s.own = finding{denies: none, allows: none}
	for i, policy := range s.q.Identity {
		found := policy.Policy.searchIdentity(s.ask)
		if found.denies != none {
			s.identity, s.own = i, found
			return
		}
		if found.allows != none && s.identity == none {
			s.identity, s.own = i, found
		}
	}
}

func (s *sides) isHome() bool { return s.q.Owner == s.Principal.Account }

// identityAllows tells whether the account's own side is met: its root needs no policy.
func (s *sides) identityAllows() bool { return s.Principal.Root || s.own.allows != none }

func (s *sides) withoutResourcePolicy() Verdict {
	switch {
	case s.q.Owner != "" && !s.isHome():
		return s.lacksResource()
	case s.own.allows != none && !s.Principal.Root:
		return s.byIdentity(ByIdentityPolicy, s.own.allows)
	case s.Principal.Root:
		return s.verdict(ByRoot, s.Principal.String()+" needs no identity policy for "+s.Action)
	default:
		return s.verdict(LacksIdentity, s.noIdentity())
	}
}

func (s *sides) withResourcePolicy() Verdict {
	direct := s.resource.best == coversDirectly
	switch {
	case s.resource.best > coversNot && (direct && s.isHome() || s.Principal.Root):
		return s.byResource(ByKeyPolicy, s.resource.allows)
	case s.resource.best > coversNot && s.own.allows != none:
		return s.byIdentity(ByIdentityPolicy, s.own.allows)
	case s.grant != none:
		return s.byGrant(s.grant)
	case s.shared != none && s.identityAllows():
		return s.byGrant(s.shared)
	case s.resource.best > coversNot || s.shared != none:
		return s.verdict(LacksIdentity, s.noIdentity()+"; "+s.leftBy()+" leaves it to them")
	default:
		return s.lacksResource()
	}
}
