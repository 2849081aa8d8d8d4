package kms

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
)

// askedAction is an action with the operations that ask for it.
type askedAction struct {
	name string // as operations spell it
	uses []use
}

// use is one target of one operation.
type use struct {
	target Target
	state  StateRule // 0: the state does not matter
}

// askedOf finds an action in the table of operations. One that no operation asks for would be a spelling mistake that
// looks like a denial.
func (s *Service) askedOf(action string) (askedAction, error) {
	found := askedAction{}
	for _, name := range slices.Sorted(maps.Keys(s.rows)) {
		d := s.rows[name].Describe()
		for _, targets := range d.targets {
			found.add(action, targets, d.States)
		}
	}
	if found.name == "" {
		return found, api.Validation("No operation asks for the action '" + cut(action, 128) + "': write one such as kms:Encrypt.")
	}
	if _, ok := found.of(func(k targetKind) bool { return k == byGrant }); ok {
		return found, api.Validation("Who may retire a grant is the grant's own matter: list the key's grants and see RetiringPrincipal and GranteePrincipal.")
	}
	return found, nil
}

// add notes the targets of a request for which an action is asked.
func (a *askedAction) add(action string, targets []Target, states []StateRule) {
	for i, t := range targets {
		if t.Action == "" || !strings.EqualFold(t.Action, action) {
			continue
		}
		u := use{target: t}
		if t.kind.isKey() && len(states) > 0 {
			u.state = states[min(i, len(states)-1)]
		}
		a.name, a.uses = t.Action, append(a.uses, u)
	}
}

// of is the first such target for which an operation asks for the action.
func (a askedAction) of(want func(targetKind) bool) (Target, bool) {
	for _, u := range a.uses {
		if want(u.target.kind) {
			return u.target, true
		}
	}
	return Target{}, false
}

// across tells whether an operation that asks for the action takes keys of other accounts.
func (a askedAction) across() bool {
	return slices.ContainsFunc(a.uses, func(u use) bool { return u.target.across })
}

// obstacle is what the key's state has against every operation that asks for the action.
func (a askedAction) obstacle(key *Key) string {
	text := ""
	for _, u := range a.uses {
		if u.state == 0 {
			continue
		}
		err := u.state.Refusal(key.Row().State, key.ARN())
		if err == nil {
			return ""
		}
		if e := (*api.Error)(nil); errors.As(err, &e) {
			text = e.Message
		}
	}
	return text
}

// simulate makes the call of a caller who would do something.
func (c *Call) simulate(who Caller, asked askedAction, suppose Supposition) *Call {
	_, operation, _ := strings.Cut(asked.name, ":")
	return &Call{service: c.service, caller: who, operation: operation, effect: Read, request: c.request, now: c.now, supposed: suppose}
}

// outcome decides a simulated request. A caller who would not be recognized is not allowed, and that is an answer.
func (c *Call) outcome(ctx context.Context, t *resolved) (Access, error) {
	a := Access{ARN: c.caller.ARN, PrincipalID: c.caller.PrincipalID, Kind: c.kind(), Action: t.Action, Resource: t.resource(c)}
	if err := ctx.Err(); err != nil { // what follows may find all its rows in memory, and not look
		return a, err
	}
	err := c.identify(ctx)
	if away := (*turnedAway)(nil); errors.As(err, &away) {
		a.Decision, a.Reason = away.decision, away.reason
		a.Missing, err = c.missingCredentials(ctx)
		return a, err
	}
	if err != nil {
		return a, err
	}
	if t.key != nil && !t.across && t.key.Row().Account != c.caller.Account {
		a.Decision, a.Reason = notThere, c.operation+" is for keys of the caller's own account"
		a.Missing = "a caller of account " + string(t.key.Row().Account)
		return a, nil
	}
	c.targets = []resolved{*t}
	t = &c.targets[0]
	if err := c.decide(ctx, t); err != nil {
		return a, err
	}
	v := t.verdict
	a.Allowed, a.Decision, a.Reason, a.Verdict, a.Trust = v.Allowed, decisions[v.Basis], v.Reason, v, t.kind == roleToAssume
	return a, nil
}

// kind is what the caller of a simulated request is.
func (c *Call) kind() string {
	switch {
	case c.caller.Root:
		return "root"
	case c.caller.Session == nil:
		return string(User)
	case c.caller.Session.Name == "":
		return string(Role)
	}
	return "session"
}

// trace tells of every statement and grant how it met the simulated request, after its outcome.
func (c *Call) trace(ctx context.Context, t *resolved) ([]policy.Trace, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conditions := &conditions{ctx: ctx, c: c, t: t}
	q := c.question(t, conditions)
	if t.asksKey() {
		grants, err := c.everyGrantTo(ctx, t)
		if err != nil {
			return nil, err
		}
		q.Grants = grants
	}
	return policy.Explain(q), conditions.err
}

// everyGrantTo are the grants of the key to the caller, whatever they are for.
func (c *Call) everyGrantTo(ctx context.Context, t *resolved) ([]policy.Grant, error) {
	var grants []policy.Grant
	for _, name := range slices.Compact(c.granteeNames()) {
		held, err := c.service.grantsTo(ctx, granteeID{t.key.ID(), name})
		if err != nil {
			return nil, err
		}
		for i := range held.list {
			grants = append(grants, policyGrant(&held.list[i], name == string(c.caller.Account)))
		}
	}
	return grants, nil
}
