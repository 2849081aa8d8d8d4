package ops

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// ResetKeyPolicy is the way back into a key whose policy lets nobody change it any more. The policy that was there is not
// asked, and its digest stands in the audit record.
var resetKeyPolicy = kms.Operation[*api.ResetKeyPolicyInput, *api.ResetKeyPolicyOutput]{
	Name:    "ResetKeyPolicy",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(in *api.ResetKeyPolicyInput) []kms.Target {
		return []kms.Target{kms.BrokenGlass(in.KeyID, "keyhold:ResetKeyPolicy")}
	},
	Admit: kms.Admit[*api.ResetKeyPolicyInput]{States: []kms.StateRule{kms.StatesAny}},
	Change: func(_ context.Context, c *kms.Call, _ *api.ResetKeyPolicyInput) (kms.Change, *api.ResetKeyPolicyOutput, error) {
		replaced := sha256.Sum256([]byte(c.Key(0).Policy()))
		c.Note("brokeGlass", true)
		c.Note("replacedPolicySha256", hex.EncodeToString(replaced[:]))
		return newPolicy(c.Key(0), c.DefaultPolicy(), ""), &api.ResetKeyPolicyOutput{}, nil
	},
}
