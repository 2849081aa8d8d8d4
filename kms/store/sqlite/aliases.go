package sqlite

import (
	"context"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

var aliases = newTable("aliases", aliasArgs, 2, "account", "name", "rev", "key_id", "created_at", "updated_at", "mac")

func aliasArgs(a kms.AliasRow) []any {
	return []any{a.Account, a.Name, a.Rev, a.KeyID, a.CreatedAt, a.UpdatedAt, octets(a.MAC)}
}

func scanAlias(row scanner) (kms.AliasRow, error) {
	var a kms.AliasRow
	err := row.Scan(&a.Account, &a.Name, &a.Rev, &a.KeyID, &a.CreatedAt, &a.UpdatedAt, blob{&a.MAC})
	return a, err
}

// Alias reads one alias.
func (s *Store) Alias(ctx context.Context, account kms.AccountID, name string) (kms.AliasRow, error) {
	return one(ctx, s, fmt.Sprintf("read alias %q", name), scanAlias,
		"SELECT "+aliases.columns+" FROM aliases WHERE account = ? AND name = ?", account, name)
}

// Aliases lists an account's aliases, or those of one key. The index is named because SQLite would look at all aliases of
// the account, to have them in order.
func (s *Store) Aliases(ctx context.Context, account kms.AccountID, key kms.KeyID, after string, limit int) ([]kms.AliasRow, error) {
	const end = " AND name > ? ORDER BY name LIMIT ?"
	query, args := " WHERE account = ?", []any{account}
	if key != "" {
		query, args = " INDEXED BY aliases_by_key WHERE account = ? AND key_id = ?", append(args, key)
	}
	return list(ctx, s, "list aliases", scanAlias, "SELECT "+aliases.columns+" FROM aliases"+query+end, append(args, after, max(limit, 0))...)
}

var aliasLimit = limit{"key", "aliases", "SELECT count(*) FROM aliases WHERE key_id = ?", kms.ErrAliasLimit}

func keyOfAlias(a kms.AliasRow) string { return string(a.KeyID) }
