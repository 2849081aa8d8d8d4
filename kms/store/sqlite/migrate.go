package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

//go:embed migrations/*.sql
var migrations embed.FS

// step is one migration: the statements that lead from schema version-1 to version.
type step struct {
	version int
	name    string
	sql     string
}

// embedded are the program's own migrations, in the order of their names. As many as there are is the newest schema
// version that the program knows.
func embedded() ([]step, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	all := make([]step, len(names))
	for i, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		all[i] = step{version: i + 1, name: path.Base(name), sql: string(text)}
	}
	return all, nil
}

// migrate takes a database through the steps that it has not seen, each in a transaction of its own together with its
// number, and returns the versions before and after. A step that fails leaves the version before it.
func migrate(ctx context.Context, db *sql.DB, all []step) (before, after int, err error) {
	if before, err = number(ctx, db, "PRAGMA user_version"); err != nil {
		return 0, 0, err
	}
	after = before
	for _, s := range all[min(before, len(all)):] {
		if err := s.apply(ctx, db); err != nil {
			return before, after, fmt.Errorf("apply migration %s: %w", s.name, err)
		}
		after = s.version
	}
	return before, after, nil
}

func (s step) apply(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	numbers := fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", s.version, applicationID)
	for _, text := range []string{s.sql, numbers} {
		if _, err := tx.Exec(text); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}
