package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

// part is some of what a transaction does.
type part func(context.Context, *sql.Tx) error

// Apply makes a change, all of it or nothing: kms.ErrConflict, kms.ErrAliasLimit.
func (s *Store) Apply(ctx context.Context, c kms.Change) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, do := range parts(c) {
			if err := do(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("apply a change: %w", err)
	}
	return nil
}

// parts are what a change does, in the order of its fields. Aliases are counted when all of them are in place.
func parts(c kms.Change) []part {
	return []part{
		every(c.Expect, expect),
		every(c.Keys, keys.put),
		every(c.Generations, generations.put),
		every(c.Uses, uses.put),
		every(c.Policies, policies.put),
		every(c.Tags, tags.put),
		every(c.DropTags, tags.drop),
		every(c.Aliases, aliases.put),
		every(c.DropAliases, aliases.drop),
		every(c.Aliases, underLimit(c.MaxAliases)),
		every(c.Births, fulfil),
		every(c.Events, post),
	}
}

func every[Row any](rows []Row, do func(context.Context, *sql.Tx, Row) error) part {
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, row := range rows {
			if err := do(ctx, tx, row); err != nil {
				return err
			}
		}
		return nil
	}
}

// expect answers kms.ErrConflict unless a row is at the revision that the change was made for.
func expect(ctx context.Context, tx *sql.Tx, e kms.Expectation) error {
	query, args := "SELECT rev FROM keys WHERE id = ?", []any{e.Key}
	if e.Key == "" {
		query, args = "SELECT rev FROM aliases WHERE account = ? AND name = ?", []any{e.Account, e.Alias}
	}
	var rev int64
	err := tx.QueryRowContext(ctx, query, args...).Scan(&rev)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	if err == nil && rev != e.Rev {
		err = kms.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("expect %v at revision %d: %w", args, e.Rev, err)
	}
	return nil
}
