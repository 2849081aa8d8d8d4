package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var revokeGrant = kms.Operation[*api.RevokeGrantInput, *api.RevokeGrantOutput]{
	Name:   "RevokeGrant",
	Effect: kms.Mutate,
	Targets: func(in *api.RevokeGrantInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:RevokeGrant").AcrossAccounts()}
	},
	Admit: kms.Admit[*api.RevokeGrantInput]{
		Params:  func(in *api.RevokeGrantInput) error { return api.CheckGrantID(*in.GrantID) },
		Managed: true,
		States:  []kms.StateRule{kms.StatesAny},
	},
	DryRun: func(in *api.RevokeGrantInput) bool { return isTrue(in.DryRun) },
	Change: func(ctx context.Context, c *kms.Call, in *api.RevokeGrantInput) (kms.Change, *api.RevokeGrantOutput, error) {
		row, err := c.FindGrant(ctx, c.Key(0), kms.GrantID(*in.GrantID))
		if err != nil {
			return kms.Change{}, nil, err
		}
		return kms.Change{DropGrants: []kms.GrantRow{row}}, &api.RevokeGrantOutput{}, nil
	},
}
