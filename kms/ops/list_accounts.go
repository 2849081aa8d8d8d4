package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var listAccounts = kms.Operation[*api.ListAccountsInput, *api.ListAccountsOutput]{
	Name:    "ListAccounts",
	Service: kms.Keyhold,
	Effect:  kms.Read,
	Targets: func(*api.ListAccountsInput) []kms.Target {
		return []kms.Target{kms.OfInstallation("keyhold:ListAccounts")}
	},
	Run: func(ctx context.Context, c *kms.Call, in *api.ListAccountsInput) (*api.ListAccountsOutput, error) {
		page, err := readPage(listOfAccounts, in.Marker, in.PageSize(), source[kms.AccountRow]{
			read: func(after string, limit int) ([]kms.AccountRow, error) { return accountsAfter(ctx, c, after, limit) },
			key:  accountKey,
		})
		if err != nil {
			return nil, err
		}
		out := &api.ListAccountsOutput{Accounts: []api.Account{}, NextMarker: page.next, Truncated: page.next != ""}
		for _, row := range page.rows {
			entry, err := listedAccount(ctx, c, row)
			if err != nil {
				return nil, err
			}
			out.Accounts = append(out.Accounts, entry)
		}
		return out, nil
	},
}

// ownAccountKey is the directory's own account in the order of the list: before every id.
const ownAccountKey = "-"

func accountKey(row kms.AccountRow) string {
	if row.Rev == 0 {
		return ownAccountKey
	}
	return string(row.ID)
}

// accountsAfter has the directory's own account, which has no row, before the others, and none that was deleted.
func accountsAfter(ctx context.Context, c *kms.Call, after string, limit int) ([]kms.AccountRow, error) {
	var rows []kms.AccountRow
	if after == "" {
		rows = append(rows, c.OwnAccount())
	}
	for len(rows) < limit {
		others, err := c.Store().Accounts(ctx, kms.AccountID(after), limit-len(rows))
		if err != nil || len(others) == 0 {
			return rows, err
		}
		for _, row := range others {
			after = string(row.ID)
			deleted, err := isDeleted(ctx, c, row)
			if err != nil {
				return nil, err
			}
			if !deleted {
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

// listedAccount is an account as the list shows it: without a state if it was changed outside Keyhold.
func listedAccount(ctx context.Context, c *kms.Call, row kms.AccountRow) (api.Account, error) {
	if row.Rev == 0 {
		return accountEntry(row), nil
	}
	authentic, err := c.Authentic(ctx, &row)
	if !authentic {
		return api.Account{AccountID: string(row.ID)}, err
	}
	return accountEntry(row), nil
}
