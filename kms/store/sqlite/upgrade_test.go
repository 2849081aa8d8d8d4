package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// fill makes a row of a table, with the form that its checks ask for.
func fill(t *testing.T, db *sql.DB, table string) {
	t.Helper()
	columns, err := selectAll(t.Context(), db, func(row scanner) (c [2]string, err error) {
		err = row.Scan(&c[0], &c[1])
		return c, err
	}, "SELECT name, type FROM pragma_table_info(?)", table)
	if err != nil {
		t.Fatal(err)
	}
	var names, values []string
	for _, c := range columns {
		names = append(names, c[0])
		values = append(values, map[string]string{"TEXT": "'x'", "INTEGER": "1", "BLOB": "zeroblob(16)"}[c[1]])
	}
	insert := fmt.Sprintf("INSERT OR REPLACE INTO %s (%s) VALUES (%s)", table, strings.Join(names, ", "), strings.Join(values, ", "))
	if _, err := db.Exec(insert); err != nil {
		t.Fatalf("%s: %v", insert, err)
	}
}

// TestTheKeysOfAnEarlierSchemaAreCounted: before schema 3 nobody counted them.
func TestTheKeysOfAnEarlierSchemaAreCounted(t *testing.T) {
	steps, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	old := pool(filepath.Join(dir, databaseName), settings{"mode": "rwc", "_txlock": "immediate"}, 1)
	if _, _, err := migrate(t.Context(), old, steps[:2]); err != nil {
		t.Fatal(err)
	}
	for _, key := range [][3]string{{"a", "1", "CUSTOMER"}, {"b", "1", "CUSTOMER"}, {"c", "1", "AWS"}, {"d", "2", "CUSTOMER"}} {
		row := keyArgs(kms.KeyRow{ID: kms.KeyID(key[0]), Account: kms.AccountID(key[1]), Rev: 1, Manager: keyspec.KeyManager(key[2])})
		if _, err := old.Exec(keys.insert, row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for account, want := range map[kms.AccountID]int{"1": 2, "2": 1, "3": 0} {
		if n, err := s.KeyCount(t.Context(), account); n != want || err != nil {
			t.Errorf("account %s has %d keys, %v, want %d", account, n, err, want)
		}
	}
}

// TestADirectoryOfAnySchemaIsBroughtUpToDate fills every table of every schema that there was.
func TestADirectoryOfAnySchemaIsBroughtUpToDate(t *testing.T) {
	steps, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	const tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	for earlier := 1; earlier <= len(steps); earlier++ {
		dir := t.TempDir()
		old := pool(filepath.Join(dir, databaseName), settings{"mode": "rwc", "_txlock": "immediate"}, 1)
		if _, _, err := migrate(t.Context(), old, steps[:earlier]); err != nil {
			t.Fatal(err)
		}
		name := func(row scanner) (name string, err error) { return name, row.Scan(&name) }
		names, err := selectAll(t.Context(), old, name, tables)
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		for _, table := range names {
			fill(t, old, table)
		}
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Config{Dir: dir})
		if err != nil {
			t.Fatalf("schema %d: %v", earlier, err)
		}
		if got := version(t, s.writer); got != len(steps) {
			t.Errorf("schema %d became %d", earlier, got)
		}
		for _, table := range names {
			if n, err := number(t.Context(), s.reader, "SELECT count(*) FROM "+table); n != 1 || err != nil {
				t.Errorf("table %s of schema %d has %d rows, %v", table, earlier, n, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
