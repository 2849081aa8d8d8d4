package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

var encrypt = kms.Operation[*api.EncryptInput, *api.EncryptOutput]{
	Name:   "Encrypt",
	Effect: kms.Use,
	Targets: func(in *api.EncryptInput) []kms.Target {
		return []kms.Target{kms.KeyOrAlias(in.KeyID, "kms:Encrypt").With(in.EncryptionContext)}
	},
	Conditions: func(in *api.EncryptInput) map[string][]string {
		return askedAlgorithm(in.Algorithm())
	},
	Admit: kms.Admit[*api.EncryptInput]{
		Usage:  keyspec.EncryptDecrypt,
		States: []kms.StateRule{kms.StatesUsable},
		Compat: func(c *kms.Call, in *api.EncryptInput) error { return algorithmFits(c.Key(0), in.Algorithm()) },
	},
	DryRun: func(in *api.EncryptInput) bool { return isTrue(in.DryRun) },
	Run: func(ctx context.Context, c *kms.Call, in *api.EncryptInput) (*api.EncryptOutput, error) {
		blob, material, err := c.Seal(ctx, 0, in.Plaintext, in.EncryptionContext)
		if err != nil {
			return nil, err
		}
		c.Note("keyMaterialId", material)
		return &api.EncryptOutput{CiphertextBlob: blob, KeyID: c.Key(0).ARN(), EncryptionAlgorithm: in.Algorithm()}, nil
	},
}
