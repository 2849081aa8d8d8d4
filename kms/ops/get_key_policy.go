package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var getKeyPolicy = kms.Operation[*api.GetKeyPolicyInput, *api.GetKeyPolicyOutput]{
	Name:   "GetKeyPolicy",
	Effect: kms.Read,
	Targets: func(in *api.GetKeyPolicyInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:GetKeyPolicy")}
	},
	Admit: kms.Admit[*api.GetKeyPolicyInput]{
		Params: func(in *api.GetKeyPolicyInput) error { return in.CheckName() },
		States: []kms.StateRule{kms.StatesAny},
	},
	Run: func(ctx context.Context, c *kms.Call, _ *api.GetKeyPolicyInput) (*api.GetKeyPolicyOutput, error) {
		document, err := c.PolicyText(ctx, c.Key(0))
		if err != nil {
			return nil, err
		}
		return &api.GetKeyPolicyOutput{Policy: document, PolicyName: api.DefaultPolicyName}, nil
	},
}
