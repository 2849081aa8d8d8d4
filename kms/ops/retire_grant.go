package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var retireGrant = kms.Operation[*api.RetireGrantInput, *api.RetireGrantOutput]{
	Name:   "RetireGrant",
	Effect: kms.Mutate,
	Targets: func(in *api.RetireGrantInput) []kms.Target {
		return []kms.Target{kms.GrantToRetire(in.GrantToken, in.KeyID, in.GrantID)}
	},
	Admit:  kms.Admit[*api.RetireGrantInput]{Managed: true, States: []kms.StateRule{kms.StatesAny}},
	DryRun: func(in *api.RetireGrantInput) bool { return isTrue(in.DryRun) },
	Change: func(_ context.Context, c *kms.Call, _ *api.RetireGrantInput) (kms.Change, *api.RetireGrantOutput, error) {
		row, _ := c.Grant(0)
		return kms.Change{DropGrants: []kms.GrantRow{row}}, &api.RetireGrantOutput{}, nil
	},
}
