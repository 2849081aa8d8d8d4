package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

// limit bounds how many rows of a table one key may have.
type limit struct {
	what  string
	count string // the query, by the key's id
	err   error
}

// check answers the limit's error if a key has more than most rows.
func (l limit) check(ctx context.Context, tx *sql.Tx, key kms.KeyID, most int) error {
	var n int
	if err := tx.QueryRowContext(ctx, l.count, key).Scan(&n); err != nil {
		return fmt.Errorf("count the %s of key %s: %w", l.what, key, err)
	}
	if n > most {
		return fmt.Errorf("key %s with %d %s: %w", key, n, l.what, l.err)
	}
	return nil
}

// within checks the keys of rows, each once. 0: no bound.
func within[Row any](most int, l limit, rows []Row, keyOf func(Row) kms.KeyID) part {
	return func(ctx context.Context, tx *sql.Tx) error {
		checked := make(map[kms.KeyID]bool)
		for _, row := range rows {
			key := keyOf(row)
			if most == 0 || checked[key] {
				continue
			}
			if err := l.check(ctx, tx, key, most); err != nil {
				return err
			}
			checked[key] = true
		}
		return nil
	}
}
