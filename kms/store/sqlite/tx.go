package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

// enter keeps the store open until leave.
func (s *Store) enter() error {
	s.mu.RLock()
	switch {
	case s.closed:
		s.mu.RUnlock()
		return ErrClosed
	case s.uncertain.Load():
		s.mu.RUnlock()
		return ErrUncertain
	default:
		return nil
	}
}

func (s *Store) leave() { s.mu.RUnlock() }

// write runs f in a transaction: all of it becomes durable, or nothing if f or the commit fails. The context counts
// until the transaction begins. From then on it would only make the answer uncertain: a commit that is interrupted may
// have happened or not.
func (s *Store) write(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return classify(err)
	}
	defer conn.Close() //nolint:errcheck // hands the connection back to its pool; what mattered is committed
	ctx = context.WithoutCancel(ctx)
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit a no-op; after a failure SQLite may have done it itself
	if err := f(ctx, tx); err != nil {
		return classify(err)
	}
	return s.commit(tx)
}

func (s *Store) commit(tx *sql.Tx) error {
	err := tx.Commit()
	if isUncertain(err) {
		s.uncertain.Store(true)
		return fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	return classify(err)
}

// read runs f in a transaction that sees one state of the database.
func (s *Store) read(ctx context.Context, f func(*sql.Tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	tx, err := s.reader.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return classify(f(tx))
}

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scanner is one row of a result.
type scanner interface{ Scan(dest ...any) error }

func selectAll[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err below has the reason
	var all []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// selectOne is selectAll for at most one row: kms.ErrNotFound when there is none.
func selectOne[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	all, err := selectAll(ctx, q, scan, query, args...)
	if err == nil && len(all) == 0 {
		err = kms.ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return all[0], nil
}

// list is selectAll on the read pool; verb names it in an error.
func list[T any](ctx context.Context, s *Store, verb string, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	if err := s.enter(); err != nil {
		return nil, fmt.Errorf("%s: %w", verb, err)
	}
	defer s.leave()
	all, err := selectAll(ctx, s.reader, scan, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", verb, classify(err))
	}
	return all, nil
}

// one is list for at most one row: kms.ErrNotFound when there is none.
func one[T any](ctx context.Context, s *Store, verb string, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	var none T
	all, err := list(ctx, s, verb, scan, query, args...)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s: %w", verb, kms.ErrNotFound)
	}
	if err != nil {
		return none, err
	}
	return all[0], nil
}
