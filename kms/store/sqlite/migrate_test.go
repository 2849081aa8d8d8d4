package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mattn/go-sqlite3"

	"github.com/keyhold/keyhold/kms"
)

func scratch(t *testing.T) *sql.DB {
	t.Helper()
	db := pool(filepath.Join(t.TempDir(), "scratch.db"), settings{"mode": "rwc", "_txlock": "immediate"}, 1)
	t.Cleanup(func() { db.Close() })
	return db
}

func version(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow("PRAGMA user_version").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMigrationsAreNumberedWithoutGaps(t *testing.T) {
	steps, err := embedded()
	if err != nil || len(steps) == 0 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	for i, s := range steps {
		if s.version != i+1 || !strings.HasPrefix(s.name, fmt.Sprintf("%04d_", i+1)) {
			t.Errorf("step %d is %s, version %d", i+1, s.name, s.version)
		}
	}
}

func TestAMigrationThatFailsLeavesTheOneBeforeIt(t *testing.T) {
	db := scratch(t)
	steps := []step{
		{1, "0001", "CREATE TABLE a (x TEXT) STRICT; INSERT INTO a VALUES ('one')"},
		{2, "0002", "CREATE TABLE b (x TEXT) STRICT; UPDATE a SET x = 'two'; INSERT INTO nowhere VALUES (1)"},
	}
	before, after, err := migrate(t.Context(), db, steps)
	if before != 0 || after != 1 || err == nil || !strings.HasPrefix(err.Error(), "apply migration 0002: ") {
		t.Fatalf("from %d to %d: %v", before, after, err)
	}
	var x string
	if err := db.QueryRow("SELECT x FROM a").Scan(&x); err != nil || x != "one" || version(t, db) != 1 {
		t.Errorf("row %q, version %d, %v", x, version(t, db), err)
	}
	steps[1].sql = "UPDATE a SET x = 'two'"
	before, after, err = migrate(t.Context(), db, steps)
	if before != 1 || after != 2 || err != nil || version(t, db) != 2 {
		t.Errorf("from %d to %d: %v", before, after, err)
	}
	if before, after, err = migrate(t.Context(), db, steps); before != 2 || after != 2 || err != nil {
		t.Errorf("from %d to %d: %v", before, after, err)
	}
}

func TestEveryConnectionHasItsSettings(t *testing.T) {
	dir := t.TempDir()
	s, err := Create(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.writer.Exec("PRAGMA default_cache_size = 7") // which the file keeps
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for pragma, want := range map[string][2]string{ // writer, reader
		"journal_mode": {"wal", "wal"}, "synchronous": {"2", "1"}, "foreign_keys": {"1", "1"}, "busy_timeout": {"5000", "5000"},
		"secure_delete": {"1", "0"}, "query_only": {"0", "1"}, "trusted_schema": {"0", "0"}, "cell_size_check": {"1", "1"},
		"cache_size":     {"-2000", "-2000"},
		"application_id": {fmt.Sprint(0x4b484c44), fmt.Sprint(0x4b484c44)},
	} {
		for i, db := range []*sql.DB{s.writer, s.reader} {
			var got string
			if err := db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want[i] {
				t.Errorf("%s of connection %d is %q, want %q, %v", pragma, i, got, want[i], err)
			}
		}
	}
	if _, err := s.reader.Exec("DELETE FROM outbox"); err == nil {
		t.Error("the read pool can write")
	}
}

func TestFailuresAreClassed(t *testing.T) {
	for name, c := range map[string]struct{ err, want error }{
		"full":                       {sqlite3.Error{Code: sqlite3.ErrFull}, ErrFull},
		"no room for an index":       {sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrSHMSize, SystemErrno: syscall.ENOSPC}, ErrFull},
		"out of quota":               {sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EDQUOT}, ErrFull},
		"no room for a file":         {fmt.Errorf("open: %w", syscall.ENOSPC), ErrFull},
		"read-only":                  {sqlite3.Error{Code: sqlite3.ErrReadonly}, ErrReadOnly},
		"read-only mount":            {fmt.Errorf("open: %w", syscall.EROFS), ErrReadOnly},
		"corrupt":                    {fmt.Errorf("read: %w", sqlite3.Error{Code: sqlite3.ErrCorrupt}), ErrDamaged},
		"not a database":             {sqlite3.Error{Code: sqlite3.ErrNotADB}, ErrNotOurs},
		"a name that is taken":       {sqlite3.Error{Code: sqlite3.ErrConstraint, ExtendedCode: sqlite3.ErrConstraintUnique}, kms.ErrConflict},
		"a row that refers to it":    {sqlite3.Error{Code: sqlite3.ErrConstraint, ExtendedCode: sqlite3.ErrConstraintForeignKey}, kms.ErrConflict},
		"a row that a trigger keeps": {sqlite3.Error{Code: sqlite3.ErrConstraint, ExtendedCode: sqlite3.ErrConstraintTrigger}, kms.ErrConflict},
	} {
		got := classify(conflicting(c.err))
		if !errors.Is(got, c.want) || !errors.Is(got, c.err) {
			t.Errorf("%s: got %v", name, got)
		}
	}
	check := sqlite3.Error{Code: sqlite3.ErrConstraint, ExtendedCode: sqlite3.ErrConstraintCheck}
	for _, err := range []error{errors.New("x"), sqlite3.Error{Code: sqlite3.ErrBusy}, fmt.Errorf("open: %w", syscall.EIO), check} {
		if got := classify(conflicting(err)); got.Error() != err.Error() {
			t.Errorf("got %v for %v", got, err)
		}
	}
}
