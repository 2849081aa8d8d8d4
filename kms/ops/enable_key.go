package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// Enabling an enabled key is no error.
var enableKey = kms.Operation[*api.EnableKeyInput, *api.EnableKeyOutput]{
	Name:   "EnableKey",
	Effect: kms.Mutate,
	Targets: func(in *api.EnableKeyInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:EnableKey")}
	},
	Admit: kms.Admit[*api.EnableKeyInput]{States: []kms.StateRule{kms.StatesToggle}},
	Change: func(_ context.Context, c *kms.Call, _ *api.EnableKeyInput) (kms.Change, *api.EnableKeyOutput, error) {
		row := c.Key(0).Next()
		row.State = keyspec.StateEnabled
		return kms.Change{Keys: []kms.KeyRow{row}}, &api.EnableKeyOutput{}, nil
	},
}
