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

// newAccount is the id that the request gives, if nobody has or had it, or a drawn one.
func newAccount(ctx context.Context, c *kms.Call, in *api.CreateAccountInput) (kms.AccountID, error) {
	if in.AccountID != nil {
		id := kms.AccountID(*in.AccountID)
		return id, mustBeFree(ctx, c, id)
	}
	for {
		id, err := c.NewAccountID()
		if err != nil {
			return "", err
		}
		taken := (*api.Error)(nil)
		if err := mustBeFree(ctx, c, id); !errors.As(err, &taken) || taken.Name != api.AlreadyExistsException {
			return id, err
		}
	}
}

// mustBeFree refuses the id of an account that there is, or was.
func mustBeFree(ctx context.Context, c *kms.Call, id kms.AccountID) error {
	if id == c.OwnAccount().ID {
		return api.AlreadyExistsAccount(string(id))
	}
	row, err := c.Store().Account(ctx, id)
	if errors.Is(err, kms.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	deleted, err := isDeleted(ctx, c, row)
	if err != nil {
		return err
	}
	if deleted {
		return api.DeletedAccount(string(id), api.Time(row.DeletedAt))
	}
	return api.AlreadyExistsAccount(string(id))
}
