package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var deletePrincipalPolicy = kms.Operation[*api.DeletePrincipalPolicyInput, *api.DeletePrincipalPolicyOutput]{
	Name:    "DeletePrincipalPolicy",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(in *api.DeletePrincipalPolicyInput) []kms.Target {
		return principalOf(in.Principal, "keyhold:DeletePrincipalPolicy")
	},
	Change: func(_ context.Context, c *kms.Call, in *api.DeletePrincipalPolicyInput) (kms.Change, *api.DeletePrincipalPolicyOutput, error) {
		p, row := c.Principal(0), c.Principal(0).Next()
		policy, known := policyNamed(p, *in.PolicyName)
		if !known {
			return kms.Change{}, nil, api.NotFoundIdentityPolicy(p.ARN(), *in.PolicyName)
		}
		row.PoliciesDigest = kms.DigestPolicies(policiesBut(p, policy.Name))
		return kms.Change{Principals: []kms.PrincipalRow{row}, DropPrincipalPolicies: []kms.PrincipalPolicyRow{policy}},
			&api.DeletePrincipalPolicyOutput{Arn: p.ARN(), PolicyName: policy.Name}, nil
	},
}
