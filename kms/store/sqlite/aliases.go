package sqlite

import (
	"context"
	"database/sql"
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
	verb := fmt.Sprintf("read alias %q", name)
	rows, err := list(ctx, s, verb, scanAlias,
		"SELECT "+aliases.columns+" FROM aliases WHERE account = ? AND name = ?", account, name)
	if err != nil {
		return kms.AliasRow{}, err
	}
	if len(rows) == 0 {
		return kms.AliasRow{}, fmt.Errorf("%s: %w", verb, kms.ErrNotFound)
	}
	return rows[0], nil
}

// Aliases lists an account's aliases, or those of one key.
func (s *Store) Aliases(ctx context.Context, account kms.AccountID, key kms.KeyID, after string, limit int) ([]kms.AliasRow, error) {
	const end = " AND name > ? ORDER BY name LIMIT ?"
	query, args := "SELECT "+aliases.columns+" FROM aliases WHERE account = ?", []any{account}
	if key != "" {
		query, args = query+" AND key_id = ?", append(args, key)
	}
	return list(ctx, s, "list aliases", scanAlias, query+end, append(args, after, max(limit, 0))...)
}

// underLimit answers kms.ErrAliasLimit for an alias whose key has more than limit of them. 0: no limit.
func underLimit(limit int) func(context.Context, *sql.Tx, kms.AliasRow) error {
	return func(ctx context.Context, tx *sql.Tx, a kms.AliasRow) error {
		if limit == 0 {
			return nil
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM aliases WHERE key_id = ?", a.KeyID).Scan(&n); err != nil {
			return fmt.Errorf("count the aliases of key %s: %w", a.KeyID, err)
		}
		if n > limit {
			return fmt.Errorf("key %s with %d aliases: %w", a.KeyID, n, kms.ErrAliasLimit)
		}
		return nil
	}
}
