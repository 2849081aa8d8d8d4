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
// the WAL. The schema comes before the rows, because a check of the rows runs what the schema says. Then all pages are
// read: damage is better found now than by the request that needs the page.
func probe(ctx context.Context, dir directory, age databaseAge, steps []step) (err error) {
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
	version, err := checkHeader(ctx, db, len(steps))
	if err != nil {
		return err
	}
	if err := checkSchema(ctx, db, steps[:version]); err != nil {
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

// checkHeader returns the version of the schema, from 1 to newest.
func checkHeader(ctx context.Context, db *sql.DB, newest int) (int, error) {
	id, err := number(ctx, db, "PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	if id != applicationID {
		return 0, fmt.Errorf("%w: it belongs to another program", ErrNotOurs)
	}
	version, err := number(ctx, db, "PRAGMA user_version")
	switch {
	case err != nil:
		return 0, err
	case version < 1:
		return 0, fmt.Errorf("%w: its schema has no version", ErrNotOurs)
	case version > newest:
		return 0, fmt.Errorf("%w (schema %d; this one knows %d): upgrade keyhold", ErrNewer, version, newest)
	}
	return version, nil
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
// somebody added could change or drop rows behind the back of every check there is. No name is excused: a name that is
// SQLite's own can be written into the schema table. Only the planner's statistics may be there besides.
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
	if _, err := model.ExecContext(ctx, "ANALYZE"); err != nil {
		return err
	}
	most, err := schema(ctx, model)
	if err != nil {
		return err
	}
	got, err := schema(ctx, db)
	if err != nil {
		return err
	}
	got = slices.DeleteFunc(got, func(entry string) bool {
		return slices.Contains(most, entry) && !slices.Contains(want, entry)
	})
	if !slices.Equal(got, want) {
		return fmt.Errorf("%w: its schema was changed by hand", ErrNotOurs)
	}
	return nil
}

// schema lists everything in the schema table, and the encoding, on which the order of text depends. Where the pages are
// is left out: quickCheck finds one that is used twice.
func schema(ctx context.Context, db *sql.DB) ([]string, error) {
	return selectAll(ctx, db, func(row scanner) (text string, err error) {
		err = row.Scan(&text)
		return text, err
	}, `SELECT quote(type) || quote(name) || quote(tbl_name) || quote(sql) FROM sqlite_schema
		UNION ALL SELECT encoding FROM pragma_encoding ORDER BY 1`)
}
