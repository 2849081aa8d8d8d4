package ops

import (
	"context"
	"strconv"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// A new period starts the clock again; the same period leaves it running.
var enableKeyRotation = kms.Operation[*api.EnableKeyRotationInput, *api.EnableKeyRotationOutput]{
	Name:   "EnableKeyRotation",
	Effect: kms.Mutate,
	Targets: func(in *api.EnableKeyRotationInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:EnableKeyRotation")}
	},
	Conditions: func(in *api.EnableKeyRotationInput) map[string][]string {
		return map[string][]string{"kms:rotationperiodindays": {strconv.Itoa(in.Period())}}
	},
	Admit: kms.Admit[*api.EnableKeyRotationInput]{
		Origins: []keyspec.Origin{keyspec.OriginKMS},
		States:  []kms.StateRule{kms.StatesUsable},
		Compat:  func(c *kms.Call, _ *api.EnableKeyRotationInput) error { return rotates(c.Key(0)) },
	},
	Change: func(_ context.Context, c *kms.Call, in *api.EnableKeyRotationInput) (kms.Change, *api.EnableKeyRotationOutput, error) {
		row := c.Key(0).Next()
		if row.RotationPeriodDays != in.Period() {
			row.RotationPeriodDays, row.RotationBase = in.Period(), kms.MicrosOf(c.Now())
		}
		return kms.Change{Keys: []kms.KeyRow{row}}, &api.EnableKeyRotationOutput{}, nil
	},
}

// rotates refuses keys whose material cannot be rotated: all but symmetric ones.
func rotates(key *kms.Key) error {
	if key.Row().Spec != keyspec.SymmetricDefault {
		return api.UnsupportedNoMessage()
	}
	return nil
}
