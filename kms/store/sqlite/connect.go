package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"

	"github.com/mattn/go-sqlite3"
)

const readers = 4

// settings go into the DSN because a PRAGMA by Exec reaches one connection of a pool only.
type settings map[string]string

// The settings of the three kinds of connection. FULL, not NORMAL: in WAL mode NORMAL forgets acknowledged changes when
// the power fails, and a forgotten DisableKey is a hole. An immediate transaction takes the write lock at once, so that
// none fails half way for want of it.
var (
	writing = settings{
		"mode": "rw", "_journal_mode": "WAL", "_synchronous": "FULL", "_foreign_keys": "on", "_busy_timeout": "5000",
		"_txlock": "immediate", "_secure_delete": "on", "_stmt_cache_size": "64",
	}
	reading = settings{
		"mode": "ro", "_query_only": "on", "_foreign_keys": "on", "_busy_timeout": "5000", "_stmt_cache_size": "64",
	}
	// probing must leave the file as it is, which might be anybody's.
	probing = settings{"mode": "ro", "_query_only": "on", "_busy_timeout": "5000"}
)

func dsn(path string, s settings) string {
	query := make(url.Values, len(s))
	for name, value := range s {
		query.Set(name, value)
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// connector opens connections without registering a driver for the whole program.
type connector struct {
	dsn    string
	driver *sqlite3.SQLiteDriver
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }

func pool(path string, s settings, size int) *sql.DB {
	db := sql.OpenDB(connector{dsn: dsn(path, s), driver: &sqlite3.SQLiteDriver{ConnectHook: harden}})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db
}

// harden follows "Untrusted SQLite database files" (sqlite.org/security.html): a file that was tampered with may hold
// more than wrong rows, such as a size of the cache.
func harden(conn *sqlite3.SQLiteConn) error {
	_, err := conn.Exec("PRAGMA trusted_schema = off; PRAGMA cell_size_check = on; PRAGMA mmap_size = 0; PRAGMA cache_size = -2000", nil)
	return err
}

// databaseAge says whether a database without content will do.
type databaseAge int

const (
	mustExist databaseAge = iota + 1
	mayBeNew
)

// connect opens the database of a directory that this process owns. Nothing is written before probe has agreed.
func (s *Store) connect(ctx context.Context, dir directory, age databaseAge) error {
	if age == mayBeNew {
		if err := makeDatabase(dir); err != nil {
			return err
		}
	}
	if err := examine(dir); err != nil {
		return explain(dir, err)
	}
	steps, err := embedded()
	if err != nil {
		return err
	}
	if err := probe(ctx, dir, age, steps); err != nil {
		return explain(dir, err)
	}
	s.writer = pool(dir.database(), writing, 1)
	if err := s.prepare(ctx, steps); err != nil {
		return errors.Join(explain(dir, err), s.writer.Close())
	}
	s.reader = pool(dir.database(), reading, readers)
	return nil
}

// prepare brings the schema, which probe found to be exactly ours, up to date.
func (s *Store) prepare(ctx context.Context, steps []step) error {
	before, after, err := migrate(ctx, s.writer, steps)
	if err != nil {
		return err
	}
	if before == after {
		return nil
	}
	s.log.Info("brought the database up to date", "from", before, "to", after)
	return checkSchema(ctx, s.writer, steps)
}

// explain names the file that cannot be used and, for what SQLite says of it, the next step.
func explain(dir directory, err error) error {
	err = fmt.Errorf("open %s: %w", dir.database(), classify(err))
	switch {
	case errors.Is(err, ErrNotOurs):
		return fmt.Errorf("%w: move it away, or name another directory", err)
	case errors.Is(err, ErrDamaged):
		return fmt.Errorf("%w: restore it from a backup", err)
	case errors.Is(err, ErrFull):
		return fmt.Errorf("%w: free some space", err)
	default:
		return err
	}
}
