package ops_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// forging is an operation that no server has: it rewrites a key's row as the test says, so that keys which nobody can
// make yet, such as one for signing, become testable. Like any other it is authenticated and audited.
var forging = kms.Operation[*forgeInput, *api.Void]{
	Name:    "Forge",
	Effect:  kms.Mutate,
	Targets: func(in *forgeInput) []kms.Target { return []kms.Target{kms.KeyOnly(&in.key, "kms:Forge")} },
	Admit:   kms.Admit[*forgeInput]{States: []kms.StateRule{kms.StatesAny}},
	Change: func(_ context.Context, c *kms.Call, in *forgeInput) (kms.Change, *api.Void, error) {
		row := c.Key(0).Next()
		in.edit(&row)
		return kms.Change{Keys: []kms.KeyRow{row}}, &api.Void{}, nil
	},
}

type forgeInput struct {
	key  string
	edit func(*kms.KeyRow)
}

func (*forgeInput) Validate() error { return nil }

// forgery gives a bench the operation Forge.
func forgery(c *kms.Config) { c.Table = append(slices.Clone(c.Table), forging) }

// forge rewrites a key's row. The bench needs forgery.
func (b *bench) forge(key string, edit func(*kms.KeyRow)) {
	b.t.Helper()
	must[*api.Void](b, "Forge", &forgeInput{key, edit})
}

// row is a key's row in the store.
func (b *bench) row(key string) kms.KeyRow {
	b.t.Helper()
	record, err := b.store.Key(b.t.Context(), kms.KeyID(key))
	if err != nil {
		b.t.Fatal(err)
	}
	return record.Key
}

// rows is the text of everything in the store but its audit events and the keys of sessions, and of everything in the
// token. It reads the file itself: through the store this would be most of what these tests do.
func (b *bench) rows() string {
	b.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(b.dir, "keyhold.db")+"?mode=ro")
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var text []byte
	for _, table := range values(b.t, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('outbox', 'session_keys') ORDER BY name") {
		text = append(append(text, table...), '\n')
		for _, row := range values(b.t, db, "SELECT "+columns(b.t, db, table)+" FROM "+table) {
			text = append(append(text, row...), '\n')
		}
	}
	objects, err := b.device.Inventory(b.t.Context())
	return string(describe(b.t, text, objects, err))
}

// columns is an expression for all columns of a table, of any type.
func columns(t testing.TB, db *sql.DB, table string) string {
	t.Helper()
	names := values(t, db, "SELECT name FROM pragma_table_info('"+table+"')")
	for i, name := range names {
		names[i] = "quote(" + name + ")"
	}
	return strings.Join(names, " || ' ' || ")
}

// values are those of the only column that a query has.
func values(t testing.TB, db *sql.DB, query string) (found []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		found = append(found, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

func describe(t testing.TB, text []byte, value any, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(text, line...), '\n')
}

// unchanged does something that must leave the store's rows and the token's objects as they are.
func (b *bench) unchanged(t testing.TB, do func()) {
	t.Helper()
	before := b.rows()
	do()
	if after := b.rows(); after != before {
		t.Errorf("rows or objects have changed: %s", firstDifference(after, before))
	}
}

// recorded asks once and wants exactly one audit record of it, with the error's name as its code.
func (b *bench) recorded(t testing.TB, req kms.Request) error {
	t.Helper()
	before := len(b.log.all())
	_, err := b.service.Do(b.t.Context(), req)
	records := b.log.all()[before:]
	if len(records) != 1 {
		t.Fatalf("the request left %d audit records, want 1", len(records))
	}
	name, message := errorOf(err)
	code, _ := records[0]["errorCode"].(string)
	text, _ := records[0]["errorMessage"].(string)
	if records[0]["eventName"] != req.Operation || code != name || (len(message) <= 2048 && text != message) {
		t.Errorf("%v is recorded with code %q and text %q, want %q and %q", records[0]["eventName"], code, text, name, message)
	}
	return err
}
