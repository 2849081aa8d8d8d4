package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// accountEntry is an account as replies show it. Only the directory's own has no revision.
func accountEntry(row kms.AccountRow) api.Account {
	return api.Account{
		AccountID: string(row.ID), Name: row.Name, State: string(row.State), CreateDate: api.Time(row.CreatedAt), Own: row.Rev == 0,
	}
}

// notOwn refuses the directory's own account.
func notOwn(c *kms.Call, id string) error {
	if kms.AccountID(id) == c.OwnAccount().ID {
		return api.OwnAccount(id)
	}
	return nil
}

// isDeleted tells whether a row is all that is left of an account, on the word of nobody but Keyhold.
func isDeleted(ctx context.Context, c *kms.Call, row kms.AccountRow) (bool, error) {
	if row.State != kms.Deleted {
		return false, nil
	}
	return c.Authentic(ctx, &row)
}

// setAccountState makes an account active or inactive.
func setAccountState(ctx context.Context, c *kms.Call, id string, state kms.ActiveState) (kms.Change, api.Account, error) {
	row, err := c.Account(ctx, kms.AccountID(id))
	if err != nil {
		return kms.Change{}, api.Account{}, err
	}
	row.Rev++
	row.State, row.MAC = state, nil
	return kms.Change{Accounts: []kms.AccountRow{row}}, accountEntry(row), nil
}
