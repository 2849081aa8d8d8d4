package kms

import (
	"context"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/policy"
)

// leftToOthers is the decision about the principals of accounts that nobody names: their own account's.
const leftToOthers = "left-to-identity-policies"

// othersMay tells whether the key's policy lets in others than it names, with one entry for them all.
func (c *Call) othersMay(ctx context.Context, asked askedAction, suppose Supposition, t *resolved) (Access, error) {
	if !t.asksKey() || t.overseen || !t.across {
		return Access{}, nil
	}
	s := c.simulate(Caller{Account: "000000000000", ARN: "*", PrincipalID: "*", Secure: true}, asked, suppose)
	conditions := &conditions{ctx: ctx, c: s, t: t}
	q := s.question(t, conditions)
	by := letsOthers(policy.Explain(q))
	if by == nil || conditions.err != nil {
		return Access{}, conditions.err
	}
	return Access{
		ARN: "*", Kind: "others", Action: t.Action, Resource: q.Resource, Allowed: true, Decision: leftToOthers,
		Reason:  "principals of other accounts may too, if their identity policies allow it",
		Verdict: policy.Verdict{Allowed: true, Basis: policy.ByKeyPolicy, Statement: by.Statement, Sid: by.Sid},
	}, nil
}

// letsOthers is the first statement that lets in somebody whom it does not name, unless another denies it to them all.
// What a condition says about who asks cannot be known of all, and is taken to be met by some and not by others.
func letsOthers(list []policy.Trace) *policy.Trace {
	var by *policy.Trace
	for i := range list {
		s := &list[i]
		if !s.Principal || s.ForAccount || !s.Action || !s.Resource {
			continue
		}
		depends := slices.ContainsFunc(s.Conditions, dependsOnCaller)
		fails := slices.ContainsFunc(s.Conditions, func(k policy.ConditionTrace) bool { return !k.Matched && !dependsOnCaller(k) })
		switch {
		case fails || s.Effect == policy.Deny && depends:
		case s.Effect == policy.Deny:
			return nil
		case by == nil:
			by = s
		}
	}
	return by
}

// dependsOnCaller tells conditions on who asks, also by a variable.
func dependsOnCaller(k policy.ConditionTrace) bool {
	return isAboutCaller(k.Key) || strings.EqualFold(k.Key, "kms:CallerAccount") ||
		slices.ContainsFunc(k.Wanted, func(s string) bool { return strings.Contains(s, "${") })
}
