package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var deleteAccount = kms.Operation[*api.DeleteAccountInput, *api.DeleteAccountOutput]{
	Name:    "DeleteAccount",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(*api.DeleteAccountInput) []kms.Target {
		return []kms.Target{kms.OfInstallation("keyhold:DeleteAccount")}
	},
	Admit: kms.Admit[*api.DeleteAccountInput]{
		Compat: func(c *kms.Call, in *api.DeleteAccountInput) error { return notOwn(c, *in.AccountID) },
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.DeleteAccountInput) (kms.Change, *api.DeleteAccountOutput, error) {
		row, err := c.Account(ctx, kms.AccountID(*in.AccountID))
		if err != nil {
			return kms.Change{}, nil, err
		}
		if err := accountIsEmpty(ctx, c, row.ID); err != nil {
			return kms.Change{}, nil, err
		}
		row.Rev++
		row.State, row.DeletedAt, row.MAC = kms.Deleted, kms.MicrosOf(c.Now()), nil
		return kms.Change{Accounts: []kms.AccountRow{row}}, &api.DeleteAccountOutput{AccountID: string(row.ID)}, nil
	},
}

// accountIsEmpty refuses an account with keys or principals. The store refuses it too, for those that come meanwhile.
func accountIsEmpty(ctx context.Context, c *kms.Call, id kms.AccountID) error {
	keys, err := c.Store().Keys(ctx, id, "", 1)
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		return api.AccountInUse(string(id), "keys")
	}
	principals, err := c.Store().Principals(ctx, id, "", 1)
	if err == nil && len(principals) > 0 {
		err = api.AccountInUse(string(id), "principals")
	}
	return err
}
