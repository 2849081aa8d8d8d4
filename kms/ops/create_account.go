package ops

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var createAccount = kms.Operation[*api.CreateAccountInput, *api.CreateAccountOutput]{
	Name:    "CreateAccount",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(*api.CreateAccountInput) []kms.Target {
		return []kms.Target{kms.OfInstallation("keyhold:CreateAccount")}
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.CreateAccountInput) (kms.Change, *api.CreateAccountOutput, error) {
		row := kms.AccountRow{Rev: 1, State: kms.Active, Name: text(in.Name), CreatedAt: kms.MicrosOf(c.Now())}
		var err error
		if row.ID, err = newAccount(ctx, c, in); err != nil {
			return kms.Change{}, nil, err
		}
		return kms.Change{Accounts: []kms.AccountRow{row}}, &api.CreateAccountOutput{Account: accountEntry(row)}, nil
	},
}

// newAccount is the id that the request gives, if nobody has it, or a drawn one.
func newAccount(ctx context.Context, c *kms.Call, in *api.CreateAccountInput) (kms.AccountID, error) {
	for {
		id, err := kms.AccountID(text(in.AccountID)), error(nil)
		if id == "" {
			id, err = c.NewAccountID()
		}
		if err != nil {
			return "", err
		}
		free, err := accountIsFree(ctx, c, id)
		if err != nil || free {
			return id, err
		}
		if in.AccountID != nil {
			return "", api.AlreadyExistsAccount(string(id))
		}
	}
}

func accountIsFree(ctx context.Context, c *kms.Call, id kms.AccountID) (bool, error) {
	_, err := c.Store().Account(ctx, id)
	if err != nil && !errors.Is(err, kms.ErrNotFound) {
		return false, err
	}
	return err != nil && id != c.OwnAccount().ID, nil
}
