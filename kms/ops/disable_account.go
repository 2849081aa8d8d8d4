package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var disableAccount = kms.Operation[*api.DisableAccountInput, *api.DisableAccountOutput]{
	Name:    "DisableAccount",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(*api.DisableAccountInput) []kms.Target {
		return []kms.Target{kms.OfInstallation("keyhold:DisableAccount")}
	},
	Admit: kms.Admit[*api.DisableAccountInput]{
		Compat: func(c *kms.Call, in *api.DisableAccountInput) error { return notOwn(c, *in.AccountID) },
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.DisableAccountInput) (kms.Change, *api.DisableAccountOutput, error) {
		change, account, err := setAccountState(ctx, c, *in.AccountID, kms.Inactive)
		return change, &api.DisableAccountOutput{Account: account}, err
	},
}
