package sqlite_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keyhold/keyhold/internal/ownership"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

// fingerprint is what a directory holds, but for the lock and the index that readers share, which hold nothing.
func fingerprint(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "keyhold.lock" || strings.HasSuffix(path, "-shm") {
			return err
		}
		text, err := os.ReadFile(path)
		if len(text) > 0 {
			found[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// alter changes a database that the store made by SQL statements.
func alter(statements ...string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		shut(t, create(t, dir))
		db := raw(t, dir)
		for _, s := range statements {
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// overwrite puts octets into a database that the store made and filled.
func overwrite(offset int64, text string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		s := create(t, dir)
		for n := range 50 {
			if err := s.Apply(t.Context(), keyChange(n, 1)); err != nil {
				t.Fatal(err)
			}
		}
		shut(t, s)
		f, err := os.OpenFile(filepath.Join(dir, "keyhold.db"), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt([]byte(text), offset); err != nil {
			t.Fatal(err)
		}
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// forge adds to the schema what SQLite itself would not accept.
func forge(kind, name, table, sql string) func(t *testing.T, dir string) {
	return alter(fmt.Sprintf("PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('%s', '%s', '%s', 0, '%s')", kind, name, table, sql))
}

// inUTF16 makes the database anew with another encoding, and therefore another order of its text.
func inUTF16(t *testing.T, dir string) {
	shut(t, create(t, dir))
	db := raw(t, dir)
	rows, err := db.Query("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	statements := []string{"PRAGMA encoding = 'UTF-16le'", fmt.Sprintf("PRAGMA application_id = %d", 0x4b484c44), "PRAGMA user_version = 2"}
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			t.Fatal(err)
		}
		statements = append(statements, statement)
	}
	if err := errors.Join(rows.Err(), db.Close(), os.Remove(filepath.Join(dir, "keyhold.db"))); err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, dir).Exec(strings.Join(statements, ";")); err != nil {
		t.Fatal(err)
	}
}

// refusedForItsOwner tells a refusal for whom the directory belongs to, or who can write in it.
func refusedForItsOwner(err error) bool {
	var refusal *ownership.Error
	return errors.As(err, &refusal)
}

var refusals = []struct {
	name    string
	prepare func(t *testing.T, dir string) // dir exists and is empty
	want    error                          // nil: for its owner
	says    string                         // of the sentence; DIR is the directory
}{
	{"a directory that does not exist", func(t *testing.T, dir string) { os.Remove(dir) }, sqlite.ErrNoDirectory,
		"DIR does not exist: run `keyhold init`, or name another directory"},
	{"a file in place of the directory", func(t *testing.T, dir string) { os.Remove(dir); write(t, dir, "x") }, sqlite.ErrNoDirectory,
		"DIR is not a directory: name another"},
	{"an empty directory", func(*testing.T, string) {}, sqlite.ErrNoDirectory,
		"DIR holds no keyhold.db: run `keyhold init`, or name another directory"},
	{"a directory of other files", func(t *testing.T, dir string) { write(t, dir+"/notes.txt", "x") }, sqlite.ErrNoDirectory,
		"DIR holds no keyhold.db"},
	{"an empty file", func(t *testing.T, dir string) { write(t, dir+"/keyhold.db", "") }, sqlite.ErrNoDirectory,
		"its database is empty: run `keyhold init` again"},
	{"text", func(t *testing.T, dir string) { write(t, dir+"/keyhold.db", strings.Repeat("not a database\n", 1000)) }, sqlite.ErrNotOurs,
		"not made by Keyhold: file is not a database: move it away, or name another directory"},
	{"a short text", func(t *testing.T, dir string) { write(t, dir+"/keyhold.db", "x") }, sqlite.ErrNotOurs, "not made by Keyhold"},
	{"a directory called keyhold.db", func(t *testing.T, dir string) { os.Mkdir(dir+"/keyhold.db", 0o700) }, sqlite.ErrNotOurs,
		"DIR/keyhold.db is a link or a special file: put the database itself there"},
	{"a link to a database", func(t *testing.T, dir string) {
		elsewhere := t.TempDir()
		shut(t, create(t, elsewhere))
		if err := os.Symlink(elsewhere+"/keyhold.db", dir+"/keyhold.db"); err != nil {
			t.Fatal(err)
		}
	}, sqlite.ErrNotOurs, "is a link or a special file"},
	{"a database of another program", func(t *testing.T, dir string) {
		if _, err := raw(t, dir).Exec("CREATE TABLE keys (id TEXT); INSERT INTO keys VALUES ('theirs')"); err != nil {
			t.Fatal(err)
		}
	}, sqlite.ErrNotOurs, "it belongs to another program"},
	{"a newer schema", alter("PRAGMA user_version = 7"), sqlite.ErrNewer,
		"open DIR/keyhold.db: made by a newer Keyhold (schema 7; this one knows 3): upgrade keyhold"},
	{"an added trigger", alter("CREATE TRIGGER silence AFTER INSERT ON outbox BEGIN DELETE FROM outbox; END"), sqlite.ErrNotOurs,
		"its schema was changed by hand"},
	{"an added table", alter("CREATE TABLE more (x)"), sqlite.ErrNotOurs, "its schema was changed by hand"},
	{"a missing index", alter("DROP INDEX keys_by_account"), sqlite.ErrNotOurs, "its schema was changed by hand"},
	{"a trigger with a name of SQLite's", forge("trigger", "sqlite_silence", "outbox",
		"CREATE TRIGGER sqlite_silence AFTER INSERT ON outbox BEGIN DELETE FROM outbox; END"), sqlite.ErrNotOurs, "its schema was changed by hand"},
	{"a trigger with the name of a table of SQLite's", forge("trigger", "sqlite_stat1", "outbox",
		"CREATE TRIGGER sqlite_stat1 AFTER INSERT ON outbox BEGIN DELETE FROM outbox; END"), sqlite.ErrNotOurs, "its schema was changed by hand"},
	{"a view with a name of SQLite's", forge("view", "sqlite_more", "sqlite_more", "CREATE VIEW sqlite_more AS SELECT * FROM keys"),
		sqlite.ErrNotOurs, "its schema was changed by hand"},
	{"a table with a name of SQLite's", alter("CREATE TABLE more (x); PRAGMA writable_schema = ON; " +
		"UPDATE sqlite_schema SET name = 'sqlite_more', tbl_name = 'sqlite_more', sql = 'CREATE TABLE sqlite_more (x)' WHERE name = 'more'"),
		sqlite.ErrNotOurs, "its schema was changed by hand"},
	{"statistics that are another table", forge("table", "sqlite_stat1", "sqlite_stat1", "CREATE VIRTUAL TABLE sqlite_stat1 USING fts3(x)"),
		sqlite.ErrNotOurs, "its schema was changed by hand"},
	{"text that is not UTF-8", inUTF16, sqlite.ErrNotOurs, "its schema was changed by hand"},
	{"a schema older than the first", alter("PRAGMA user_version = -1"), sqlite.ErrNotOurs, "its schema has no version"},
	{"a schema without a version", alter("PRAGMA user_version = 0"), sqlite.ErrNotOurs, "its schema has no version"},
	{"a directory that others can write", func(t *testing.T, dir string) {
		shut(t, create(t, dir))
		chmod(t, dir, 0o770)
	}, nil, "DIR has mode 0770, so others than its owner can change it; run: chmod go-w DIR"},
	{"an empty directory that others can write", func(t *testing.T, dir string) { chmod(t, dir, 0o770) }, nil, "run: chmod go-w DIR"},
	{"a removed constraint", alter("DROP TABLE births", "CREATE TABLE births (object, key_id, number, token, started_at, mac)"),
		sqlite.ErrNotOurs, "its schema was changed by hand"},
	{"a broken page", overwrite(3*4096, strings.Repeat("\xff", 4096)), sqlite.ErrDamaged, "the database is damaged"},
	{"a broken schema page", overwrite(100, strings.Repeat("\xff", 200)), sqlite.ErrDamaged, "restore it from a backup"},
}

func TestOpenRefusesAndChangesNothing(t *testing.T) {
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			r.prepare(t, dir)
			var before map[string]string
			if _, err := os.Stat(dir); err == nil {
				before = fingerprint(t, dir)
			}
			s, err := sqlite.Open(t.Context(), config(dir))
			if err == nil {
				shut(t, s)
			}
			if err == nil || r.want != nil && !errors.Is(err, r.want) || r.want == nil && !refusedForItsOwner(err) || !strings.Contains(err.Error(), strings.ReplaceAll(r.says, "DIR", dir)) {
				t.Fatalf("got %v\nwant %v: ... %s", err, r.want, r.says)
			}
			if before != nil {
				if after := fingerprint(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
					t.Errorf("the directory was changed: %v, before %v", after, before)
				}
			}
			if len(before) == 0 {
				if _, err := os.Stat(filepath.Join(dir, "keyhold.lock")); err == nil && r.name != "an empty file" && r.name != "a directory called keyhold.db" {
					t.Error("a lock file was left where Keyhold has no business")
				}
			}
		})
	}
}

func TestCreateRefusesADirectoryOfOthers(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "notes.txt"), "x")
	_, err := sqlite.Create(t.Context(), config(dir))
	want := fmt.Sprintf(`create data directory: not made by Keyhold: %s already holds "notes.txt": name an empty directory or one that does not exist`, dir)
	if !errors.Is(err, sqlite.ErrNotOurs) || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the directory was changed: %v", entries)
	}
}

func TestCreateRefusesWhatOthersCanWrite(t *testing.T) {
	for name, dir := range map[string]string{"the directory": "", "what the directory would be in": "data"} {
		t.Run(name, func(t *testing.T) {
			open := t.TempDir()
			chmod(t, open, 0o777)
			_, err := sqlite.Create(t.Context(), config(filepath.Join(open, dir)))
			if err == nil || !refusedForItsOwner(err) || !strings.Contains(err.Error(), open+" has mode 0777") {
				t.Errorf("got %v", err)
			}
			if entries, _ := os.ReadDir(open); len(entries) != 0 {
				t.Errorf("the directory was changed: %v", entries)
			}
			chmod(t, open, 0o777|fs.ModeSticky)
			shut(t, create(t, filepath.Join(open, "data")))
		})
	}
}

// The statistics of the planner are SQLite's own, which it makes when a database is closed.
func TestStatisticsAreNotAChangeByHand(t *testing.T) {
	dir := t.TempDir()
	s := create(t, dir)
	for n := range 10 {
		if err := s.Apply(t.Context(), keyChange(n, 1)); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, s)
	db := raw(t, dir)
	if _, err := db.Exec("ANALYZE"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	reopen(t, dir)
}

func TestCreateTakesUpWhatWasInterrupted(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"a directory that does not exist": func(t *testing.T, dir string) { os.Remove(dir) },
		"a path that does not exist":      func(t *testing.T, dir string) { os.Remove(dir); os.Remove(filepath.Dir(dir)) },
		"an empty directory":              func(*testing.T, string) {},
		"a new volume":                    func(t *testing.T, dir string) { os.Mkdir(dir+"/lost+found", 0o700) },
		"a lock file":                     func(t *testing.T, dir string) { write(t, dir+"/keyhold.lock", "") },
		"an empty database file":          func(t *testing.T, dir string) { write(t, dir+"/keyhold.db", "") },
		"a database without content": func(t *testing.T, dir string) {
			if _, err := raw(t, dir).Exec("PRAGMA journal_mode = WAL"); err != nil {
				t.Fatal(err)
			}
		},
		"a finished database": func(t *testing.T, dir string) { shut(t, create(t, dir)) },
		"a database with other files beside it": func(t *testing.T, dir string) {
			shut(t, create(t, dir))
			write(t, dir+"/audit", "x")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "path", "data")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			prepare(t, dir)
			s := create(t, dir)
			if err := s.Apply(t.Context(), keyChange(1, 1)); err != nil {
				t.Error(err)
			}
			shut(t, s)
			reopen(t, dir)
		})
	}
}

func TestOnlyTheOwnerMayReadTheFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	s := create(t, dir)
	if err := s.Apply(t.Context(), keyChange(1, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Generations(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		"": 0o700, "keyhold.db": 0o600, "keyhold.db-wal": 0o600, "keyhold.db-shm": 0o600, "keyhold.lock": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", info.Name(), info.Mode().Perm(), want)
		}
	}
}

func TestADirectoryMayHaveAnyName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "we?ird#%41 & ü=mode=ro;", "data\n:memory:")
	s := create(t, dir)
	if err := s.Apply(t.Context(), keyChange(1, 1)); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	if _, err := os.Stat(filepath.Join(dir, "keyhold.db")); err != nil {
		t.Error(err)
	}
	if keys, err := reopen(t, dir).Keys(t.Context(), account, "", 10); err != nil || len(keys) != 1 {
		t.Errorf("got %v, %v", keys, err)
	}
}

func TestARelativeDirectoryStaysWhereItWas(t *testing.T) {
	t.Chdir(t.TempDir())
	s := create(t, "data")
	t.Chdir(t.TempDir())
	if err := s.Apply(t.Context(), keyChange(1, 1)); err != nil {
		t.Error(err)
	}
	if keys, err := s.Keys(t.Context(), account, "", 10); err != nil || len(keys) != 1 {
		t.Errorf("got %v, %v", keys, err)
	}
}

// Root may write anywhere, so the child becomes somebody else first.
func TestAStrangerIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		directory, database fs.FileMode
		says                string
	}{
		"who may not write in the directory": {0o555, 0o666, "true false the data directory cannot be written"},
		"who may not write the database":     {0o755, 0o444, "true false the data directory cannot be written"},
		"who may not read the directory":     {0o111, 0o666, "false true"},
		"who may not enter the directory":    {0o444, 0o666, "false true"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "keyhold")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Chmod(dir, 0o700); os.RemoveAll(dir) })
			shut(t, create(t, dir))
			if err := os.Remove(filepath.Join(dir, "keyhold.lock")); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Chmod(filepath.Join(dir, "keyhold.db"), c.database), os.Chmod(dir, c.directory)); err != nil {
				t.Fatal(err)
			}
			out, err := child(t, "stranger", dir).CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), c.says) {
				t.Errorf("got %s, %v, want %q", out, err, c.says)
			}
		})
	}
}

const nobody = 65534

// openAsStranger prints whether the refusal is ErrReadOnly, whether it is fs.ErrPermission alone, and its text.
func openAsStranger(dir string) error {
	if os.Geteuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	_, err := sqlite.Open(context.Background(), config(dir))
	if err == nil {
		return errors.New("the stranger was let in")
	}
	readOnly := errors.Is(err, sqlite.ErrReadOnly)
	text := strings.TrimPrefix(err.Error(), "open data directory: ")
	fmt.Println(readOnly, !readOnly && errors.Is(err, fs.ErrPermission), strings.TrimPrefix(text, "open "+dir+"/keyhold.db: "))
	return nil
}
