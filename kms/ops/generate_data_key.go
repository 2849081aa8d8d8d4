package ops

import (
	"context"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

var generateDataKey = kms.Operation[*api.GenerateDataKeyInput, *api.GenerateDataKeyOutput]{
	Name:   "GenerateDataKey",
	Effect: kms.Use,
	Targets: func(in *api.GenerateDataKeyInput) []kms.Target {
		return []kms.Target{kms.KeyOrAlias(in.KeyID, "kms:GenerateDataKey").With(in.EncryptionContext)}
	},
	Conditions: func(_ *api.GenerateDataKeyInput) map[string][]string {
		return ofDataKey()
	},
	Admit: kms.Admit[*api.GenerateDataKeyInput]{
		Params: func(in *api.GenerateDataKeyInput) error { return second(in.Size()) },
		Usage:  keyspec.EncryptDecrypt,
		States: []kms.StateRule{kms.StatesUsable},
	},
	DryRun: func(in *api.GenerateDataKeyInput) bool { return isTrue(in.DryRun) },
	Run: func(ctx context.Context, c *kms.Call, in *api.GenerateDataKeyInput) (*api.GenerateDataKeyOutput, error) {
		key, err := newDataKey(ctx, c, in.Size, in.EncryptionContext)
		if err != nil {
			return nil, err
		}
		return &api.GenerateDataKeyOutput{
			CiphertextBlob: key.blob, Plaintext: key.plaintext, KeyID: c.Key(0).ARN(), KeyMaterialID: key.material,
		}, nil
	},
}

type dataKey struct {
	plaintext, blob []byte
	material        string
}

// newDataKey draws a data key from the token and seals it under the first target's key.
func newDataKey(ctx context.Context, c *kms.Call, size func() (int, error), context map[string]string) (dataKey, error) {
	n, err := size()
	if err != nil {
		return dataKey{}, err
	}
	var key dataKey
	if key.plaintext, err = c.Random(ctx, n); err != nil {
		return dataKey{}, err
	}
	if key.blob, key.material, err = c.Seal(ctx, 0, key.plaintext, context); err != nil {
		secret.Wipe(key.plaintext)
		return dataKey{}, err
	}
	c.Note("keyMaterialId", key.material)
	return key, nil
}
