package ops

import (
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
)

// supposition is what a simulated request is told about its circumstances.
func supposition(entries []api.ContextEntry) kms.Supposition {
	s := kms.Supposition{}
	for _, e := range entries {
		s[*e.ContextKeyName] = e.ContextKeyValues
	}
	return s
}

// decidedBy says whose statement or grant decided. Whom an identity policy let pass that a policy or grant had left it
// to, the identity policy decided for.
func decidedBy(a kms.Access) api.DecidedBy {
	v := a.Verdict
	by := api.DecidedBy{Type: "nothing", Name: v.Policy, Statement: int32(v.Statement), Sid: v.Sid, GrantID: v.GrantID}
	switch v.Basis {
	case policy.ByKeyPolicy, policy.DeniedByKeyPolicy:
		by.Type = "key-policy"
		if a.Trust {
			by.Type = "trust-policy"
		}
	case policy.ByIdentityPolicy, policy.DeniedByIdentity:
		by.Type = "identity-policy"
	case policy.ByGrant:
		by.Type = "grant"
	case policy.ByRoot:
		by.Type = "root"
	}
	return by
}

func traceOf(list []policy.Trace) []api.StatementTrace {
	out := make([]api.StatementTrace, len(list))
	for i, t := range list {
		out[i] = api.StatementTrace{
			Source: t.Source, PolicyName: t.Policy, GrantID: t.GrantID, Statement: int32(t.Statement), Sid: t.Sid, Effect: t.Effect.String(),
			Principal: t.Principal, ForAccount: t.ForAccount, Action: t.Action, Resource: t.Resource, Applies: t.Applies,
		}
		for _, c := range t.Conditions {
			out[i].Conditions = append(out[i].Conditions, api.ConditionTrace{
				Operator: c.Operator, Key: c.Key, Wanted: c.Wanted, Found: c.Found, Present: c.Present, Ambiguous: c.Ambiguous, Matched: c.Matched,
			})
		}
	}
	return out
}
