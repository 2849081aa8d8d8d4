package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var putKeyPolicy = kms.Operation[*api.PutKeyPolicyInput, *api.PutKeyPolicyOutput]{
	Name:   "PutKeyPolicy",
	Effect: kms.Mutate,
	Targets: func(in *api.PutKeyPolicyInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:PutKeyPolicy")}
	},
	Conditions: func(in *api.PutKeyPolicyInput) map[string][]string {
		return map[string][]string{"kms:bypasspolicylockoutsafetycheck": is(in.BypassPolicyLockoutSafetyCheck)}
	},
	Admit: kms.Admit[*api.PutKeyPolicyInput]{
		Params: func(in *api.PutKeyPolicyInput) error { return in.CheckName() },
		States: []kms.StateRule{kms.StatesAny},
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.PutKeyPolicyInput) (kms.Change, *api.PutKeyPolicyOutput, error) {
		bound, err := c.CheckPolicy(ctx, *in.Policy, c.Key(0).ARN(), isTrue(in.BypassPolicyLockoutSafetyCheck))
		if err != nil {
			return kms.Change{}, nil, err
		}
		return newPolicy(c.Key(0), *in.Policy, bound), &api.PutKeyPolicyOutput{}, nil
	},
}

// newPolicy replaces a key's policy. The key's row tells which revision of the policy is its own.
func newPolicy(key *kms.Key, document string, bound kms.Bindings) kms.Change {
	row := key.Next()
	row.PolicyRev++
	return kms.Change{
		Keys:     []kms.KeyRow{row},
		Policies: []kms.PolicyRow{{KeyID: row.ID, Rev: row.PolicyRev, Document: document, Bound: bound}},
	}
}
