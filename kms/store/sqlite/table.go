package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms"
)

// table is one table of rows with revisions. Its columns are named once, in the order in which args gives them and the
// resource's scan function takes them; the first ones are the primary key.
type table[Row any] struct {
	name    string
	args    func(Row) []any
	keys    int    // how many columns are the primary key
	rev     int    // where among the columns the revision is
	columns string // for a SELECT
	insert  string
	update  string
	remove  string
}

func newTable[Row any](name string, args func(Row) []any, keys int, columns ...string) table[Row] {
	marks := make([]string, len(columns))
	set := make([]string, len(columns))
	for i, column := range columns {
		marks[i] = fmt.Sprintf("?%d", i+1)
		set[i] = fmt.Sprintf("%s = ?%d", column, i+1)
	}
	all, key := strings.Join(columns, ", "), strings.Join(set[:keys], " AND ")
	rev := slices.Index(columns, "rev")
	return table[Row]{
		name: name, args: args, keys: keys, rev: rev, columns: all,
		insert: fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT DO NOTHING", name, all, strings.Join(marks, ", ")),
		update: fmt.Sprintf("UPDATE %s SET %s WHERE %s AND rev = ?%d - 1", name, strings.Join(set[keys:], ", "), key, rev+1),
		remove: fmt.Sprintf("DELETE FROM %s WHERE %s AND rev = ?%d", name, key, keys+1),
	}
}

// put inserts a row of revision 1, or replaces the one of the revision before: kms.ErrConflict if that is not there.
func (t table[Row]) put(ctx context.Context, tx *sql.Tx, row Row) error {
	args := t.args(row)
	if args[t.rev] == int64(1) {
		return t.changeOne(ctx, tx, t.insert, args, args)
	}
	return t.changeOne(ctx, tx, t.update, args, args)
}

// drop removes the row of exactly this key and revision: kms.ErrConflict if that is not there.
func (t table[Row]) drop(ctx context.Context, tx *sql.Tx, row Row) error {
	args := t.args(row)
	return t.changeOne(ctx, tx, t.remove, args, append(slices.Clone(args[:t.keys]), args[t.rev]))
}

func (t table[Row]) changeOne(ctx context.Context, tx *sql.Tx, statement string, row, args []any) error {
	if err := mustChangeOne(ctx, tx, statement, args...); err != nil {
		return fmt.Errorf("table %s, row %v, revision %v: %w", t.name, row[:t.keys], row[t.rev], err)
	}
	return nil
}

// mustChangeOne runs a statement that answers kms.ErrConflict by changing nothing.
func mustChangeOne(ctx context.Context, tx *sql.Tx, statement string, args ...any) error {
	n, err := exec(ctx, tx, statement, args...)
	if err == nil && n != 1 {
		err = kms.ErrConflict
	}
	return err
}

// exec runs a statement and returns how many rows it changed: kms.ErrConflict if another row stands in the way.
func exec(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, conflicting(err)
	}
	return result.RowsAffected()
}
