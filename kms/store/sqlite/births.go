package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

const birthColumns = "object, key_id, number, token, started_at, mac"

const removeBirth = "DELETE FROM births WHERE object = ?"

// PutBirth records the intent to make an object: kms.ErrConflict if its id is already there.
func (s *Store) PutBirth(ctx context.Context, b kms.BirthRow) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return mustChangeOne(ctx, tx,
			"INSERT INTO births ("+birthColumns+") VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			b.Object[:], b.KeyID, b.Number, b.Token, b.StartedAt, octets(b.MAC))
	})
	if err != nil {
		return fmt.Errorf("record the birth of %s: %w", b.Object, err)
	}
	return nil
}

// Births lists the open intents.
func (s *Store) Births(ctx context.Context) ([]kms.BirthRow, error) {
	return list(ctx, s, "list births", scanBirth, "SELECT "+birthColumns+" FROM births ORDER BY started_at, object")
}

// CloseBirth removes an intent.
func (s *Store) CloseBirth(ctx context.Context, id device.ObjectID) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := exec(ctx, tx, removeBirth, id[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("close the birth of %s: %w", id, err)
	}
	return nil
}

// fulfil removes an intent that must be open.
func fulfil(ctx context.Context, tx *sql.Tx, id device.ObjectID) error {
	if err := mustChangeOne(ctx, tx, removeBirth, id[:]); err != nil {
		return fmt.Errorf("fulfil the birth of %s: %w", id, err)
	}
	return nil
}

func scanBirth(row scanner) (kms.BirthRow, error) {
	var b kms.BirthRow
	err := row.Scan(objectID{&b.Object}, &b.KeyID, &b.Number, &b.Token, &b.StartedAt, blob{&b.MAC})
	return b, err
}
