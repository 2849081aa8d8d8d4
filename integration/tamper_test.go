package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

// vault is a data directory that two parties open in turn: Keyhold, and somebody with a copy of sqlite3.
type vault struct {
	t      *testing.T
	dir    string
	device *kmstest.FakeDevice
}

type nullLog struct{}

func (nullLog) Append(context.Context, ...[]byte) error                { return nil }
func (nullLog) Has(context.Context, []string) (map[string]bool, error) { return nil, nil }

// asKeyhold runs f with the service open.
func (v vault) asKeyhold(f func(s *kms.Service)) {
	v.t.Helper()
	store, err := sqlite.Create(v.t.Context(), sqlite.Config{Dir: v.dir})
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	config := kms.Config{Store: store, Device: v.device, Log: nullLog{}, Table: ops.Table()}
	err = kms.Initialise(v.t.Context(), config, kms.Identity{Account: "111122223333", Region: "us-east-1"})
	if err != nil && !errors.Is(err, kms.ErrInitialised) {
		v.t.Fatal(err)
	}
	s, err := kms.New(v.t.Context(), config)
	if err != nil {
		v.t.Fatal(err)
	}
	defer s.Close(v.t.Context())
	f(s)
}

// asIntruder runs f with the bare database, its own checks turned off.
func (v vault) asIntruder(f func(db *sql.DB)) {
	v.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(v.dir, "keyhold.db"))
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	for _, pragma := range []string{"PRAGMA foreign_keys = OFF", "PRAGMA ignore_check_constraints = ON"} {
		if _, err := db.ExecContext(v.t.Context(), pragma); err != nil {
			v.t.Fatal(err)
		}
	}
	f(db)
}

// file is the database as it lies on the disk; put puts it back.
func (v vault) file() []byte {
	v.t.Helper()
	content, err := os.ReadFile(filepath.Join(v.dir, "keyhold.db"))
	if err != nil {
		v.t.Fatal(err)
	}
	return content
}

func (v vault) put(content []byte) {
	v.t.Helper()
	if err := os.WriteFile(filepath.Join(v.dir, "keyhold.db"), content, 0o600); err != nil {
		v.t.Fatal(err)
	}
}

func do(t testing.TB, s *kms.Service, operation string, in kms.Input) (any, error) {
	t.Helper()
	return s.Do(t.Context(), kms.Request{Operation: operation, Caller: s.Root("local", "test"), Input: in})
}

func must(t testing.TB, s *kms.Service, operation string, in kms.Input) any {
	t.Helper()
	out, err := do(t, s, operation, in)
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	return out
}

// newKey makes a key with two generations, a tag and an alias.
func newKey(t testing.TB, s *kms.Service, alias string) string {
	t.Helper()
	out, ok := must(t, s, "CreateKey", &api.CreateKeyInput{Tags: []api.Tag{api.NewTag("k", "v")}}).(*api.CreateKeyOutput)
	if !ok {
		t.Fatal("CreateKey answered something else")
	}
	id := out.KeyMetadata.KeyID
	must(t, s, "CreateAlias", &api.CreateAliasInput{AliasName: &alias, TargetKeyID: &id})
	must(t, s, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &id})
	return id
}

func use(t *testing.T, s *kms.Service, ref string) error {
	t.Helper()
	_, err := do(t, s, "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: &ref, NumberOfBytes: new(int32(32))})
	return err
}

type column struct{ table, name string }

// columnsOf lists the columns of the tables that carry authority or custody.
func columnsOf(t *testing.T, db *sql.DB) []column {
	t.Helper()
	var all []column
	for _, table := range []string{"keys", "generations", "uses", "policies", "tags", "aliases"} {
		for _, name := range namesOf(t, db, table) {
			all = append(all, column{table, name})
		}
	}
	return all
}

func namesOf(t *testing.T, db *sql.DB, table string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

// flip is an SQL expression for the column's value with one thing about it changed, whatever its type.
func flip(name string) string {
	return fmt.Sprintf(`CASE typeof(%[1]s)
		WHEN 'integer' THEN %[1]s + 1
		WHEN 'text' THEN CASE WHEN %[1]s = '' THEN 'x' ELSE char(unicode(%[1]s) + 1) || substr(%[1]s, 2) END
		ELSE CAST(CASE WHEN length(%[1]s) = 0 THEN x'01' WHEN substr(%[1]s, 1, 1) = x'00' THEN x'01' || substr(%[1]s, 2)
			ELSE x'00' || substr(%[1]s, 2) END AS BLOB) END`, name)
}

// whose is the condition that picks the victim's rows of a table.
func whose(table, id, alias string) (string, string) {
	switch table {
	case "keys":
		return "id = ?", id
	case "aliases":
		return "name = ?", alias
	default:
		return "key_id = ?", id
	}
}

// A row that was changed under its own name closes the key with an explanation; one that was renamed is not found.
func TestAChangedRowClosesItsKeyAndNoOther(t *testing.T) {
	v := vault{t: t, dir: filepath.Join(t.TempDir(), "data"), device: kmstest.NewFakeDevice(kmstest.FakeConfig{Exclusive: true})}
	var victim, other string
	v.asKeyhold(func(s *kms.Service) { victim, other = newKey(t, s, "alias/victim"), newKey(t, s, "alias/other") })
	var columns []column
	v.asIntruder(func(db *sql.DB) { columns = columnsOf(t, db) })
	if len(columns) < 40 {
		t.Fatalf("only %d columns: %v", len(columns), columns)
	}
	intact := v.file()
	names := []column{{"keys", "id"}, {"aliases", "name"}, {"aliases", "account"}}
	for _, c := range columns {
		t.Run(c.table+"."+c.name, func(t *testing.T) {
			v := v
			v.t = t
			v.asIntruder(func(db *sql.DB) {
				where, key := whose(c.table, victim, "alias/victim")
				execute(t, db, fmt.Sprintf("UPDATE OR REPLACE %s SET %s = %s WHERE %s", c.table, c.name, flip(c.name), where), key)
			})
			ref := victim
			if c.table == "aliases" {
				ref = "alias/victim"
			}
			v.asKeyhold(func(s *kms.Service) {
				explained(t, use(t, s, ref), c, slices.Contains(names, c))
				for _, healthy := range []string{other, "alias/other"} {
					if err := use(t, s, healthy); err != nil {
						t.Errorf("%s is closed too: %v", healthy, err)
					}
				}
				findings(t, s, c)
			})
			v.put(intact)
			v.asKeyhold(func(s *kms.Service) {
				if err := use(t, s, ref); err != nil {
					t.Fatalf("the restored row does not open the key again: %v", err)
				}
			})
		})
	}
}

func execute(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	r, err := db.ExecContext(t.Context(), statement, args...)
	if err == nil {
		n, _ := r.RowsAffected()
		if n == 0 {
			t.Fatalf("%s: changed no row", statement)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func explained(t *testing.T, err error, c column, renamed bool) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) {
		t.Fatalf("the key still answers: %v", err)
	}
	if renamed && e.Name == api.NotFoundException {
		return
	}
	if e.Name != api.KMSInvalidStateException || !strings.Contains(e.Message, "table ") || !strings.Contains(e.Message, "keyhold doctor") {
		t.Errorf("got %s %q, want an explanation", e.Name, e.Message)
	}
}

// findings asserts that the self-check names the damage. An alias that was given to another account is not visible.
func findings(t *testing.T, s *kms.Service, c column) {
	t.Helper()
	found := false
	err := s.Inspect(t.Context(), func(f kms.Finding) error {
		found = found || !f.OK && f.Fix != ""
		return nil
	})
	if err != nil || !found && c != (column{"aliases", "account"}) {
		t.Errorf("the inspection found nothing (%v)", err)
	}
}
