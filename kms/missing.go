package kms

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/policy"
)

// missing says what would have to be there for the request to be allowed, after its outcome.
func (c *Call) missing(ctx context.Context, t *resolved) (string, error) {
	text := c.missingSides(t)
	if text == "" || denied(t.verdict) || !t.asksKey() || t.overseen {
		return text, nil
	}
	grant, err := c.missingContext(ctx, t)
	if grant != "" {
		text = grant + "; or " + text
	}
	return text, err
}

// missingCredentials is what a caller who was turned away lacks.
func (c *Call) missingCredentials(ctx context.Context) (string, error) {
	a, err := c.service.account(ctx, c.caller.Account)
	switch {
	case err == nil && a.row.State != Active:
		return "EnableAccount of account " + string(c.caller.Account), nil
	case err != nil || c.caller.Root:
		return acceptedCredentials, unlessNotFound(err)
	}
	id, _, _ := strings.Cut(c.caller.PrincipalID, ":")
	p, err := c.service.principal(ctx, PrincipalID(id))
	if err == nil && p.row.State != Active {
		return "EnablePrincipal of " + p.arn, nil
	}
	return acceptedCredentials, unlessNotFound(err)
}

const acceptedCredentials = "credentials that are accepted"

func unlessNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// constraintsTried bounds how many grants missingContext tries.
const constraintsTried = 100

// missingContext is about a grant that would allow the request if its encryption context were another.
func (c *Call) missingContext(ctx context.Context, t *resolved) (string, error) {
	grants, err := c.everyGrantTo(ctx, t)
	if err != nil {
		return "", err
	}
	operation, tried := strings.TrimPrefix(t.Action, "kms:"), 0
	for _, g := range grants {
		if g.Equals == nil && g.Subset == nil || !slices.Contains(g.Operations, operation) {
			continue
		}
		if tried++; tried > constraintsTried {
			return "", nil
		}
		if met, err := c.wouldMeet(ctx, *t, g); err != nil || met {
			return constraintText(g), err
		}
	}
	return "", nil
}

// wouldMeet tells whether a grant allows the request once its encryption context meets the grant's constraint.
func (c *Call) wouldMeet(ctx context.Context, t resolved, g policy.Grant) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	pairs := maps.Clone(g.Equals)
	if pairs == nil {
		pairs = maps.Clone(t.context)
		if pairs == nil {
			pairs = map[string]string{}
		}
		maps.Copy(pairs, g.Subset)
	}
	t.context = pairs
	conditions := &conditions{ctx: ctx, c: c, t: &t}
	q := c.question(&t, conditions)
	q.Grants = []policy.Grant{g}
	v := policy.Decide(q)
	return v.Allowed && v.GrantID == g.ID, conditions.err
}

func constraintText(g policy.Grant) string {
	text, pairs := "grant "+g.ID+" would allow it if the request had ", g.Subset
	if g.Equals != nil {
		pairs = g.Equals
		if len(pairs) == 0 {
			return text + "no encryption context"
		}
		text += "only "
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		list = append(list, name+"="+pairs[name])
	}
	return text + "the encryption context " + strings.Join(list, ", ")
}

// missingSides is whose policies would have to allow it.
func (c *Call) missingSides(t *resolved) string {
	who := c.caller.ARN
	identity := "an identity policy of " + who + " that allows " + t.Action + " on " + t.resource(c)
	switch t.verdict.Basis {
	case policy.DeniedByKeyPolicy, policy.DeniedByIdentity:
		return "nothing can be added: the statement that denies it must go, or must not apply"
	case policy.LacksIdentity:
		return identity
	case policy.LacksResource:
		return resourceSide(t, who, c.caller.Account)
	case policy.ByNothing:
		return c.bothSides(t, who, identity)
	}
	return ""
}

func (c *Call) bothSides(t *resolved, who, identity string) string {
	switch {
	case !t.asksKey() && t.kind != roleToAssume && t.kind != ofHome:
		return identity
	case t.kind == ofHome:
		return "a principal of account " + string(c.service.meta.Account) + ", and " + identity
	case t.key != nil && t.key.Row().Account != c.caller.Account:
		return resourceSide(t, who, c.caller.Account) + "; and " + identity
	}
	return resourceSide(t, who, c.caller.Account) + "; with one that names the account only, also " + identity
}

// resourceSide is what the resource's owner could add.
func resourceSide(t *resolved, who string, account AccountID) string {
	names := " that names " + who
	if strings.HasPrefix(who, "arn:") { // a unique id does not tell the account
		names += " or account " + string(account)
	}
	if t.kind == roleToAssume {
		return "a statement of the role's trust policy" + names
	}
	return "a statement of the key policy" + names + ", or a grant to " + who
}
