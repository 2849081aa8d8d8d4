package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

// Outbox lists the events that are not yet known to be in the log.
func (s *Store) Outbox(ctx context.Context, limit int) ([]kms.EventRow, error) {
	return list(ctx, s, "list the outbox", scanEvent,
		"SELECT id, record, mac FROM outbox ORDER BY seq LIMIT ?", max(limit, 0))
}

// Drained removes events that the log has; an id that is not in the outbox is passed over.
func (s *Store) Drained(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := exec(ctx, tx, "DELETE FROM outbox WHERE id = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("drain the outbox: %w", err)
	}
	return nil
}

// post appends an event. SQLite numbers it one above the highest that is there, so that events leave in the order of
// their transactions. An id that is already there is kms.ErrConflict: the change it tells of has been made.
func post(ctx context.Context, tx *sql.Tx, e kms.EventRow) error {
	const insert = "INSERT INTO outbox (id, record, mac) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
	if err := mustChangeOne(ctx, tx, insert, e.ID, octets(e.Record), octets(e.MAC)); err != nil {
		return fmt.Errorf("post event %s: %w", e.ID, err)
	}
	return nil
}

func scanEvent(row scanner) (kms.EventRow, error) {
	var e kms.EventRow
	err := row.Scan(&e.ID, blob{&e.Record}, blob{&e.MAC})
	return e, err
}
