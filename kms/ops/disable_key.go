package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// Disabling a disabled key is no error.
var disableKey = kms.Operation[*api.DisableKeyInput, *api.DisableKeyOutput]{
	Name:   "DisableKey",
	Effect: kms.Mutate,
	Targets: func(in *api.DisableKeyInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:DisableKey")}
	},
	Admit: kms.Admit[*api.DisableKeyInput]{States: []kms.StateRule{kms.StatesToggle}},
	Change: func(_ context.Context, c *kms.Call, _ *api.DisableKeyInput) (kms.Change, *api.DisableKeyOutput, error) {
		row := c.Key(0).Next()
		row.State = keyspec.StateDisabled
		return kms.Change{Keys: []kms.KeyRow{row}}, &api.DisableKeyOutput{}, nil
	},
}
