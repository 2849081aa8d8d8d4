package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// Turning off what is off, or cannot be on, is no error.
var disableKeyRotation = kms.Operation[*api.DisableKeyRotationInput, *api.DisableKeyRotationOutput]{
	Name:   "DisableKeyRotation",
	Effect: kms.Mutate,
	Targets: func(in *api.DisableKeyRotationInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:DisableKeyRotation")}
	},
	Admit: kms.Admit[*api.DisableKeyRotationInput]{
		Origins: []keyspec.Origin{keyspec.OriginKMS},
		States:  []kms.StateRule{kms.StatesUsable},
	},
	Change: func(_ context.Context, c *kms.Call, _ *api.DisableKeyRotationInput) (kms.Change, *api.DisableKeyRotationOutput, error) {
		row := c.Key(0).Next()
		row.RotationPeriodDays, row.RotationBase = 0, 0
		return kms.Change{Keys: []kms.KeyRow{row}}, &api.DisableKeyRotationOutput{}, nil
	},
}
