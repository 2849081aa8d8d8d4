package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var getPrincipalPolicy = kms.Operation[*api.GetPrincipalPolicyInput, *api.GetPrincipalPolicyOutput]{
	Name:    "GetPrincipalPolicy",
	Service: kms.Keyhold,
	Effect:  kms.Read,
	Targets: func(in *api.GetPrincipalPolicyInput) []kms.Target {
		return principalOf(in.Principal, "keyhold:GetPrincipalPolicy")
	},
	Run: func(_ context.Context, c *kms.Call, in *api.GetPrincipalPolicyInput) (*api.GetPrincipalPolicyOutput, error) {
		p := c.Principal(0)
		policy, known := policyNamed(p, *in.PolicyName)
		if !known {
			return nil, api.NotFoundIdentityPolicy(p.ARN(), *in.PolicyName)
		}
		return &api.GetPrincipalPolicyOutput{Arn: p.ARN(), PolicyName: policy.Name, Policy: policy.Document}, nil
	},
}
