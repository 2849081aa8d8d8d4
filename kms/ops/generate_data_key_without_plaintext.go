package ops

import (
	"context"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

var generateDataKeyWithoutPlaintext = kms.Operation[*api.GenerateDataKeyWithoutPlaintextInput, *api.GenerateDataKeyWithoutPlaintextOutput]{
	Name:   "GenerateDataKeyWithoutPlaintext",
	Effect: kms.Use,
	Targets: func(in *api.GenerateDataKeyWithoutPlaintextInput) []kms.Target {
		return []kms.Target{kms.KeyOrAlias(in.KeyID, "kms:GenerateDataKeyWithoutPlaintext").With(in.EncryptionContext)}
	},
	Conditions: func(_ *api.GenerateDataKeyWithoutPlaintextInput) map[string][]string {
		return ofDataKey()
	},
	Admit: kms.Admit[*api.GenerateDataKeyWithoutPlaintextInput]{
		Params: func(in *api.GenerateDataKeyWithoutPlaintextInput) error { return second(in.Size()) },
		Usage:  keyspec.EncryptDecrypt,
		States: []kms.StateRule{kms.StatesUsable},
	},
	DryRun: func(in *api.GenerateDataKeyWithoutPlaintextInput) bool { return isTrue(in.DryRun) },
	Run: func(ctx context.Context, c *kms.Call, in *api.GenerateDataKeyWithoutPlaintextInput) (*api.GenerateDataKeyWithoutPlaintextOutput, error) {
		key, err := newDataKey(ctx, c, in.Size, in.EncryptionContext)
		if err != nil {
			return nil, err
		}
		secret.Wipe(key.plaintext)
		return &api.GenerateDataKeyWithoutPlaintextOutput{
			CiphertextBlob: key.blob, KeyID: c.Key(0).ARN(), KeyMaterialID: key.material,
		}, nil
	},
}
