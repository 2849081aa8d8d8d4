package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var enableAccount = kms.Operation[*api.EnableAccountInput, *api.EnableAccountOutput]{
	Name:    "EnableAccount",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(*api.EnableAccountInput) []kms.Target {
		return []kms.Target{kms.OfInstallation("keyhold:EnableAccount")}
	},
	Admit: kms.Admit[*api.EnableAccountInput]{
		Compat: func(c *kms.Call, in *api.EnableAccountInput) error { return notOwn(c, *in.AccountID) },
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.EnableAccountInput) (kms.Change, *api.EnableAccountOutput, error) {
		change, account, err := setAccountState(ctx, c, *in.AccountID, kms.Active)
		return change, &api.EnableAccountOutput{Account: account}, err
	},
}
