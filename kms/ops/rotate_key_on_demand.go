package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// The new generation encrypts from the moment that the call returns; the old ones go on decrypting.
var rotateKeyOnDemand = kms.Operation[*api.RotateKeyOnDemandInput, *api.RotateKeyOnDemandOutput]{
	Name:   "RotateKeyOnDemand",
	Effect: kms.Mutate,
	Targets: func(in *api.RotateKeyOnDemandInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:RotateKeyOnDemand")}
	},
	Admit: kms.Admit[*api.RotateKeyOnDemandInput]{
		Origins: []keyspec.Origin{keyspec.OriginKMS, keyspec.OriginExternal},
		States:  []kms.StateRule{kms.StatesUsable},
		Compat: func(c *kms.Call, _ *api.RotateKeyOnDemandInput) error {
			if err := rotates(c.Key(0)); err != nil {
				return err
			}
			if limit := c.MaxOnDemandRotations(); limit > 0 && c.Key(0).Row().OnDemandRotations >= limit {
				return api.OnDemandLimit(c.Key(0).ARN())
			}
			return nil
		},
	},
	Change: func(ctx context.Context, c *kms.Call, _ *api.RotateKeyOnDemandInput) (kms.Change, *api.RotateKeyOnDemandOutput, error) {
		row := c.Key(0).Next()
		row.Current++
		row.OnDemandRotations++
		newborn, err := c.Birth(ctx, row.ID, row.Current, keyspec.RotationOnDemand)
		if err != nil {
			return kms.Change{}, nil, err
		}
		change := kms.Change{Keys: []kms.KeyRow{row}}
		newborn.Fulfil(&change)
		return change, &api.RotateKeyOnDemandOutput{KeyID: c.Key(0).ARN()}, nil
	},
}
