package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var updateKeyDescription = kms.Operation[*api.UpdateKeyDescriptionInput, *api.UpdateKeyDescriptionOutput]{
	Name:   "UpdateKeyDescription",
	Effect: kms.Mutate,
	Targets: func(in *api.UpdateKeyDescriptionInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:UpdateKeyDescription")}
	},
	Admit: kms.Admit[*api.UpdateKeyDescriptionInput]{States: []kms.StateRule{kms.StatesNotBeingDeleted}},
	Change: func(_ context.Context, c *kms.Call, in *api.UpdateKeyDescriptionInput) (kms.Change, *api.UpdateKeyDescriptionOutput, error) {
		row := c.Key(0).Next()
		row.Description = text(in.Description)
		return kms.Change{Keys: []kms.KeyRow{row}}, &api.UpdateKeyDescriptionOutput{}, nil
	},
}
