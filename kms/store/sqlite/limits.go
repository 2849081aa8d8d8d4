package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// limit bounds how many rows of a table one owner may have.
type limit struct {
	owner string // what owns them
	what  string
	count string // the query, by the owner's id
	err   error
}

// check answers the limit's error if an owner has more than most rows.
func (l limit) check(ctx context.Context, tx *sql.Tx, owner string, most int) error {
	var n int
	if err := tx.QueryRowContext(ctx, l.count, owner).Scan(&n); err != nil {
		return fmt.Errorf("count the %s of %s %s: %w", l.what, l.owner, owner, err)
	}
	if n > most {
		return fmt.Errorf("%s %s with %d %s: %w", l.owner, owner, n, l.what, l.err)
	}
	return nil
}

// within checks the owners of rows, each once. 0: no bound.
func within[Row any](most int, l limit, rows []Row, ownerOf func(Row) string) part {
	return func(ctx context.Context, tx *sql.Tx) error {
		checked := make(map[string]bool)
		for _, row := range rows {
			owner := ownerOf(row)
			if most == 0 || checked[owner] {
				continue
			}
			if err := l.check(ctx, tx, owner, most); err != nil {
				return err
			}
			checked[owner] = true
		}
		return nil
	}
}
