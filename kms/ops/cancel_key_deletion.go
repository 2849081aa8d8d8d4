package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// A rescued key is Disabled, whatever it was before.
var cancelKeyDeletion = kms.Operation[*api.CancelKeyDeletionInput, *api.CancelKeyDeletionOutput]{
	Name:   "CancelKeyDeletion",
	Effect: kms.Mutate,
	Targets: func(in *api.CancelKeyDeletionInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:CancelKeyDeletion")}
	},
	Admit: kms.Admit[*api.CancelKeyDeletionInput]{States: []kms.StateRule{kms.StatesBeingDeleted}},
	Change: func(_ context.Context, c *kms.Call, _ *api.CancelKeyDeletionInput) (kms.Change, *api.CancelKeyDeletionOutput, error) {
		row := c.Key(0).Next()
		row.State, row.DeletionAt, row.WindowDays = keyspec.StateDisabled, 0, 0
		return kms.Change{Keys: []kms.KeyRow{row}}, &api.CancelKeyDeletionOutput{KeyID: c.Key(0).ARN()}, nil
	},
}
