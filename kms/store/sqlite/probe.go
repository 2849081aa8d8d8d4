package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// applicationID marks a database file as Keyhold's (sqlite.org/fileformat.html#application_id): "KHLD".
const applicationID = 0x4b484c44

// probe reads what a database says of itself, through a connection that cannot write, and decides whether it may be
// opened for writing. It goes through SQLite and not to the file's header, which is stale while the first page is in
// the WAL. All pages are read: damage is better found now than by the request that needs the page.
func probe(ctx context.Context, dir directory, age databaseAge, newest int) (err error) {
	db := pool(dir.database(), probing, 1)
	defer func() { err = errors.Join(err, db.Close()) }()
	empty, err := isEmpty(ctx, db)
	switch {
	case err != nil:
		return err
	case empty && age == mayBeNew:
		return nil
	case empty:
		return fmt.Errorf("%w: its database is empty: run `keyhold init` again", ErrNoDirectory)
	}
	if err := checkHeader(ctx, db, newest); err != nil {
		return err
	}
	return quickCheck(ctx, db)
}

// isEmpty tells a file that was made and then not filled, by a Create that was interrupted.
func isEmpty(ctx context.Context, db *sql.DB) (bool, error) {
	for _, query := range []string{"SELECT count(*) FROM sqlite_schema", "PRAGMA application_id", "PRAGMA user_version"} {
		if n, err := number(ctx, db, query); n != 0 || err != nil {
			return false, err
		}
	}
	return true, nil
}

func number(ctx context.Context, db *sql.DB, query string) (n int, err error) {
	err = db.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

func checkHeader(ctx context.Context, db *sql.DB, newest int) error {
	id, err := number(ctx, db, "PRAGMA application_id")
	if err != nil {
		return err
	}
	if id != applicationID {
		return fmt.Errorf("%w: it belongs to another program", ErrNotOurs)
	}
	version, err := number(ctx, db, "PRAGMA user_version")
	if err != nil {
		return err
	}
	if version > newest {
		return fmt.Errorf("%w (schema %d; this one knows %d): upgrade keyhold", ErrNewer, version, newest)
	}
	return nil
}

// quickCheck finds broken pages and values of the wrong type. Checks of form it leaves out: SQLite drops them from the
// schema of a database that it may only read.
func quickCheck(ctx context.Context, db *sql.DB) error {
	var finding string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&finding); err != nil {
		return err
	}
	if finding != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, finding)
	}
	return nil
}

// checkSchema compares the schema with the one that the migrations make in an empty database. A trigger or view that
// somebody added could change or drop rows behind the back of every check there is.
func checkSchema(ctx context.Context, db *sql.DB, steps []step) (err error) {
	model := pool("/model", settings{"mode": "memory"}, 1)
	defer func() { err = errors.Join(err, model.Close()) }()
	if _, _, err := migrate(ctx, model, steps); err != nil {
		return err
	}
	want, err := schema(ctx, model)
	if err != nil {
		return err
	}
	got, err := schema(ctx, db)
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("%w: its schema was changed by hand", ErrNotOurs)
	}
	return nil
}

// schema lists everything but SQLite's own: indices that it makes for constraints, and the statistics of the planner.
func schema(ctx context.Context, db *sql.DB) ([]string, error) {
	return selectAll(ctx, db, func(row scanner) (text string, err error) {
		err = row.Scan(&text)
		return text, err
	}, `SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema
		WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY 1`)
}
