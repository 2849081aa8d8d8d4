package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// CheckWrite proves that a transaction can become durable, for readiness: it commits one that writes the version of the
// schema over itself. SQLite leaves out the write of a row that does not change, and not this one.
func (s *Store) CheckWrite(ctx context.Context) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		_, err := exec(ctx, tx, fmt.Sprintf("PRAGMA user_version = %d", version)) // a pragma takes no parameters
		return err
	})
	if err != nil {
		return fmt.Errorf("write into the database: %w", err)
	}
	return nil
}
