package sqlite

import (
	"context"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

var accounts = newTable("accounts", accountArgs, 1, "id", "rev", "state", "name", "created_at", "deleted_at", "mac")

func accountArgs(a kms.AccountRow) []any {
	return []any{a.ID, a.Rev, a.State, a.Name, a.CreatedAt, a.DeletedAt, octets(a.MAC)}
}

func scanAccount(row scanner) (kms.AccountRow, error) {
	var a kms.AccountRow
	err := row.Scan(&a.ID, &a.Rev, &a.State, &a.Name, &a.CreatedAt, &a.DeletedAt, blob{&a.MAC})
	return a, err
}

// Account reads one account.
func (s *Store) Account(ctx context.Context, id kms.AccountID) (kms.AccountRow, error) {
	return one(ctx, s, fmt.Sprintf("read account %q", id), scanAccount,
		"SELECT "+accounts.columns+" FROM accounts WHERE id = ?", id)
}

// Accounts lists accounts.
func (s *Store) Accounts(ctx context.Context, after kms.AccountID, limit int) ([]kms.AccountRow, error) {
	return list(ctx, s, "list accounts", scanAccount,
		"SELECT "+accounts.columns+" FROM accounts WHERE id > ? ORDER BY id LIMIT ?", after, max(limit, 0))
}
