package ops

import (
	"context"
	"slices"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var putPrincipalPolicy = kms.Operation[*api.PutPrincipalPolicyInput, *api.PutPrincipalPolicyOutput]{
	Name:    "PutPrincipalPolicy",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(in *api.PutPrincipalPolicyInput) []kms.Target {
		return principalOf(in.Principal, "keyhold:PutPrincipalPolicy")
	},
	Admit: kms.Admit[*api.PutPrincipalPolicyInput]{
		Params: func(in *api.PutPrincipalPolicyInput) error { return api.CheckPolicySize(*in.Policy) },
		Compat: func(c *kms.Call, in *api.PutPrincipalPolicyInput) error {
			p := c.Principal(0)
			if _, known := policyNamed(p, *in.PolicyName); !known && len(p.Policies()) >= api.MaxPoliciesPerPrincipal {
				return api.PolicyLimit(p.ARN())
			}
			total := len(*in.Policy)
			for _, other := range policiesBut(p, *in.PolicyName) {
				total += len(other.Document)
			}
			if total > api.MaxPoliciesTotal {
				return api.PoliciesTooLarge(p.ARN())
			}
			return nil
		},
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.PutPrincipalPolicyInput) (kms.Change, *api.PutPrincipalPolicyOutput, error) {
		if err := c.CheckIdentityPolicy(ctx, *in.Policy); err != nil {
			return kms.Change{}, nil, err
		}
		p, row := c.Principal(0), c.Principal(0).Next()
		policy, known := policyNamed(p, *in.PolicyName)
		if !known {
			policy = kms.PrincipalPolicyRow{Principal: row.ID, Name: *in.PolicyName}
		}
		policy.Rev++
		policy.Document = *in.Policy
		row.PoliciesDigest = kms.DigestPolicies(append(policiesBut(p, policy.Name), policy))
		return kms.Change{Principals: []kms.PrincipalRow{row}, PrincipalPolicies: []kms.PrincipalPolicyRow{policy}},
			&api.PutPrincipalPolicyOutput{Arn: p.ARN(), PolicyName: policy.Name}, nil
	},
}

// policiesBut are the identity policies of all names but one.
func policiesBut(p *kms.Principal, name string) []kms.PrincipalPolicyRow {
	return slices.DeleteFunc(slices.Clone(p.Policies()), func(r kms.PrincipalPolicyRow) bool { return r.Name == name })
}

// policyNamed is the identity policy of a name.
func policyNamed(p *kms.Principal, name string) (kms.PrincipalPolicyRow, bool) {
	i := slices.IndexFunc(p.Policies(), func(r kms.PrincipalPolicyRow) bool { return r.Name == name })
	if i < 0 {
		return kms.PrincipalPolicyRow{}, false
	}
	return p.Policies()[i], true
}
