package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

var decrypt = kms.Operation[*api.DecryptInput, *api.DecryptOutput]{
	Name:   "Decrypt",
	Effect: kms.Use,
	Targets: func(in *api.DecryptInput) []kms.Target {
		if in.IgnoreCiphertext() {
			return []kms.Target{kms.KeyOrAlias(in.KeyID, "kms:Decrypt").With(in.EncryptionContext)}
		}
		return []kms.Target{kms.CiphertextKey(in.KeyID, in.CiphertextBlob, "kms:Decrypt").With(in.EncryptionContext)}
	},
	Conditions: func(in *api.DecryptInput) map[string][]string {
		return askedAlgorithm(in.Algorithm())
	},
	Admit: kms.Admit[*api.DecryptInput]{
		Usage:  keyspec.EncryptDecrypt,
		States: []kms.StateRule{kms.StatesUsable},
		Compat: func(c *kms.Call, in *api.DecryptInput) error { return algorithmFits(c.Key(0), in.Algorithm()) },
	},
	DryRun: func(in *api.DecryptInput) bool { return isTrue(in.DryRun) },
	Run: func(ctx context.Context, c *kms.Call, in *api.DecryptInput) (*api.DecryptOutput, error) {
		plaintext, material, err := c.Open(ctx, 0, in.EncryptionContext)
		if err != nil {
			return nil, err
		}
		c.Note("keyMaterialId", material)
		return &api.DecryptOutput{
			KeyID: c.Key(0).ARN(), Plaintext: plaintext, EncryptionAlgorithm: in.Algorithm(), KeyMaterialID: material,
		}, nil
	},
}
