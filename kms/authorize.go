package kms

import (
	"context"
	"errors"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
)

// let finds out who asks, for what, and whether that is allowed.
func (c *Call) let(ctx context.Context, targets []Target, in Input) error {
	if err := c.identify(ctx); err != nil {
		return err
	}
	if err := c.load(ctx, targets); err != nil {
		return err
	}
	if err := c.checkTokens(ctx, in); err != nil {
		return err
	}
	return c.authorize(ctx)
}

// identify finds out whether the caller still is who it was when its signature was checked: a principal that exists and
// is active, with credentials that are.
func (c *Call) identify(ctx context.Context) error {
	c.who, c.relied = nil, c.relied[:0]
	if err := c.identifyAccount(ctx); err != nil || c.caller.Root {
		return err
	}
	id := PrincipalID(c.caller.PrincipalID)
	if s := c.caller.Session; s != nil {
		id = s.Role
	}
	p, err := c.service.principal(ctx, id)
	if err != nil {
		return c.unidentified(err)
	}
	c.rely(p, Expectation{Principal: id, Rev: p.row.Rev})
	if p.row.Account != c.caller.Account || (p.row.Kind == Role) != (c.caller.Session != nil) {
		return unrecognized("the credentials are not those of " + p.arn)
	}
	if p.row.State != Active {
		return unrecognized(p.arn + " is disabled")
	}
	c.who = p
	if c.caller.Session != nil {
		return c.checkSession(*c.caller.Session)
	}
	return c.checkAccessKey(ctx)
}

func (c *Call) identifyAccount(ctx context.Context) error {
	a, err := c.service.account(ctx, c.caller.Account)
	if err != nil {
		return c.unidentified(err)
	}
	if a.row.State != Active {
		return unrecognized("account " + string(a.row.ID) + " is disabled")
	}
	c.rely(a, a.expectation())
	return nil
}

func (c *Call) checkSession(s Session) error {
	if MicrosOf(c.now) >= s.ExpiresAt {
		return because(api.ExpiredToken(), notRecognized, "the session has expired")
	}
	if s.IssuedAt <= c.who.row.SessionsNotBefore {
		return unrecognized("the sessions of " + c.who.arn + " up to this one were revoked")
	}
	return nil
}

// checkAccessKey accepts a caller without one: the data directory's owner acting as a user.
func (c *Call) checkAccessKey(ctx context.Context) error {
	if c.caller.AccessKeyID == "" {
		return nil
	}
	k, err := c.service.accessKey(ctx, c.caller.AccessKeyID)
	if err != nil {
		return c.unidentified(err)
	}
	c.rely(k, Expectation{AccessKey: k.row.ID, Rev: k.row.Rev})
	if k.row.State != Active || k.row.Principal != c.who.row.ID {
		return unrecognized("access key " + string(k.row.ID) + " is disabled, or not of " + c.who.arn)
	}
	return nil
}

// unidentified is the answer when the caller's rows are gone or cannot be trusted.
func (c *Call) unidentified(err error) error {
	if errors.Is(err, ErrNotFound) {
		return unrecognized("the account, principal or access key does not exist any more")
	}
	return closedBy(err, c.caller.ARN)
}

func unrecognized(reason string) error {
	return because(api.UnrecognizedClient(), notRecognized, reason)
}

// authorize decides for every target, in order; the first refusal is the answer. Nobody is above key policies, not even
// the root of the account.
func (c *Call) authorize(ctx context.Context) error {
	for i := range c.targets {
		t := &c.targets[i]
		if t.absent != nil {
			return c.giveWithheld(ctx, t)
		}
		if t.Action == "" { // STS GetCallerIdentity
			continue
		}
		if err := c.decide(ctx, t); err != nil {
			return err
		}
		if !t.verdict.Allowed {
			return c.refused(t)
		}
	}
	return nil
}

// decide asks the policies, and the grants only when the policies do not allow: they are read from the store.
func (c *Call) decide(ctx context.Context, t *resolved) error {
	conditions := &conditions{ctx: ctx, c: c, t: t}
	q := c.question(t, conditions)
	if t.kind == byGrant {
		t.verdict = c.mayRetire(t.grant, q)
		return conditions.err
	}
	t.verdict = policy.Decide(q)
	if t.kind == brokenGlass && !(c.caller.Root && c.caller.Local) {
		t.verdict = policy.Verdict{Reason: "only the root of the account may break the glass, at the data directory or the admin socket"}
	}
	if t.asksKey() && !t.unborn && !t.overseen && !t.verdict.Allowed && (!denied(t.verdict) || t.isSecret()) {
		grants, err := c.grantsFor(ctx, t)
		if err != nil {
			return err
		}
		if len(grants) > 0 {
			q.Grants = grants
			t.verdict = policy.Decide(q)
		}
	}
	return conditions.err
}

// denied tells an explicit denial, which no grant outweighs.
func denied(v policy.Verdict) bool {
	return v.Basis == policy.DeniedByKeyPolicy || v.Basis == policy.DeniedByIdentity
}

func (c *Call) question(t *resolved, conditions policy.Context) policy.Question {
	q := policy.Question{
		Request: policy.Request{
			Principal: c.principal(), Action: t.Action, Resource: t.resource(c), Context: conditions,
		},
		EncryptionContext: t.context,
	}
	if c.who != nil {
		q.Identity = c.who.policies
	}
	switch {
	case t.kind == byGrant:
		q.Owner = string(t.grant.row.Issuer)
	case t.asksKey():
		q.Owner = string(t.key.record.Key.Account)
		if !t.overseen {
			q.ResourcePolicy = t.key.policy
		}
	case t.kind == brokenGlass:
		q.Owner = string(t.key.record.Key.Account)
	case t.kind == roleToAssume:
		q.Owner, q.ResourcePolicy = string(t.principal.row.Account), t.principal.trust
	case t.kind == ofHome:
		q.Owner = string(c.service.meta.Account)
	case t.kind == byARN:
		q.Owner = accountIn(q.Resource)
	}
	return q
}

// accountIn is the account that an ARN is of; empty when it is of none.
func accountIn(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

func (c *Call) principal() policy.Principal {
	return policy.Principal{Account: string(c.caller.Account), ARN: c.caller.ARN, ID: c.caller.PrincipalID, Root: c.caller.Root}
}

// denial is the answer to a target that is not allowed. What another account owns, and what only a ciphertext names, is
// denied as if it did not exist.
func (c *Call) denial(t *resolved) error {
	switch {
	case t.kind == byCiphertext && t.ref == "":
		return api.CiphertextRefersTo()
	case t.hidden && t.kind == byGrant && t.token != "":
		return api.NotFoundGrant(string(t.grant.row.ID))
	case t.hidden:
		return c.hiddenAnswer(t.Target)
	case t.unborn: // its id would name nothing
		arn := c.service.realm.AliasARN(t.alias.row.Account, t.alias.row.Name)
		return api.AccessDenied(c.caller.ARN, t.Action, arn, c.reason(t))
	}
	return api.AccessDenied(c.caller.ARN, t.Action, t.resource(c), c.reason(t))
}

func (c *Call) reason(t *resolved) api.DenyReason {
	if t.kind == brokenGlass {
		return api.NotAtHome
	}
	switch t.verdict.Basis {
	case policy.DeniedByKeyPolicy:
		return api.DeniedByResource
	case policy.DeniedByIdentity:
		return api.DeniedByIdentity
	}
	if t.kind == roleToAssume { // whichever side is silent: of a role that there is not it is unknown
		return api.NotAssumable
	}
	if t.verdict.Basis == policy.LacksIdentity {
		return api.NoIdentityPolicy
	}
	if t.asksKey() && !t.overseen {
		return api.NoResourcePolicy
	}
	return api.NoIdentityPolicy
}

// CheckPolicy parses a key policy that the caller wants to put on the key with the given ARN, finds out whom it names,
// and refuses one that would lock the caller out unless bypass is set (AWS KMS API reference, PutKeyPolicy,
// BypassPolicyLockoutSafetyCheck).
func (c *Call) CheckPolicy(ctx context.Context, document, arn string, bypass bool) (Bindings, error) {
	if len(document) > policy.MaxBytes {
		return "", api.PolicyTooLarge()
	}
	p, bound, err := c.parsePolicy(ctx, policy.KeyPolicy, document)
	if err != nil {
		return "", err
	}
	conditions := &conditions{ctx: ctx, c: c, t: &c.targets[0]}
	if !bypass && !p.AllowsUpdate(c.principal(), arn, conditions) {
		return "", errors.Join(conditions.err, api.PolicyLockout())
	}
	return bound, conditions.err
}

// CheckTrustPolicy parses who may assume a role, and finds out whom it names.
func (c *Call) CheckTrustPolicy(ctx context.Context, document string) (Bindings, error) {
	_, bound, err := c.parsePolicy(ctx, policy.TrustPolicy, document)
	return bound, err
}

// CheckIdentityPolicy parses an identity policy.
func (c *Call) CheckIdentityPolicy(ctx context.Context, document string) error {
	_, _, err := c.parsePolicy(ctx, policy.IdentityPolicy, document)
	return err
}

func (c *Call) parsePolicy(ctx context.Context, kind policy.Kind, document string) (*policy.Policy, Bindings, error) {
	p, err := policy.Parse(kind, document)
	if err != nil {
		return nil, "", malformed(err)
	}
	bound, err := c.service.resolvePolicy(ctx, p)
	if err != nil {
		return nil, "", err
	}
	ids, err := bound.ids()
	return p.Bind(ids), bound, err
}

// malformed is the wire's error for a policy that does not parse: AWS has texts of its own for principals that cannot be.
func malformed(err error) error {
	var e *policy.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Class {
	case policy.ClassPrincipal:
		return api.PolicyPrincipals()
	case policy.ClassARN:
		return api.PolicyARN()
	}
	return api.MalformedPolicy(err.Error())
}

// DefaultPolicy is the policy of a key that is created without one.
func (c *Call) DefaultPolicy() string {
	return policy.Default(c.service.realm.partition(), string(c.caller.Account))
}
