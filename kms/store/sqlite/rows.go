package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// HasRows tells whether any table has a row, but for meta, the first row of which says how far an initialisation came.
func (s *Store) HasRows(ctx context.Context) (found bool, err error) {
	err = s.read(ctx, func(tx *sql.Tx) error {
		tables, err := selectAll(ctx, tx, func(row scanner) (name string, err error) {
			err = row.Scan(&name)
			return name, err
		}, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('meta', 'sqlite_stat1', 'sqlite_stat4')")
		if err != nil {
			return err
		}
		for _, table := range tables { // the names of our own migrations: probe has compared them
			var n int
			if err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s)", table)).Scan(&n); err != nil {
				return err
			}
			found = found || n != 0
		}
		return nil
	})
	return found, err
}
