package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

// config does not wait: a directory that is in use in a test is a mistake of the test.
func config(dir string) sqlite.Config { return sqlite.Config{Dir: dir, LockWait: -1} }

func create(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Create(context.Background(), config(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func reopen(t testing.TB, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), config(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t testing.TB, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// raw opens the database past the store, as a second witness or to do harm. The store must be closed.
func raw(t testing.TB, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, "keyhold.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestStoreKeepsTheContract(t *testing.T) {
	kmstest.TestStore(t, func(t *testing.T) kms.Store { return create(t, t.TempDir()) })
}

func TestStoreIsDurable(t *testing.T) {
	kmstest.TestDurableStore(t, func(t *testing.T) (kms.Store, func() kms.Store) {
		dir := t.TempDir()
		return create(t, dir), func() kms.Store { return reopen(t, dir) }
	})
}

func TestRowsReferToRowsThatExist(t *testing.T) {
	s := create(t, t.TempDir())
	for name, c := range map[string]kms.Change{
		"generation":      {Generations: []kms.GenerationRow{{KeyID: "none", Number: 1, Rev: 1}}},
		"uses":            {Uses: []kms.UsesRow{{KeyID: "none", Number: 1, Rev: 1}}},
		"policy":          {Policies: []kms.PolicyRow{{KeyID: "none", Rev: 1}}},
		"tag":             {Tags: []kms.TagRow{{KeyID: "none", Key: "k", Rev: 1}}},
		"alias":           {Aliases: []kms.AliasRow{{Account: "a", Name: "n", KeyID: "none", Rev: 1}}},
		"grant":           {Grants: []kms.GrantRow{{KeyID: "none", ID: "g", Rev: 1}}},
		"access key":      {AccessKeys: []kms.AccessKeyRow{{ID: "k", Principal: "none", Rev: 1}}},
		"identity policy": {PrincipalPolicies: []kms.PrincipalPolicyRow{{Principal: "none", Name: "n", Rev: 1}}},
	} {
		err := s.Apply(t.Context(), c)
		if !errors.Is(err, kms.ErrConflict) || !strings.Contains(err.Error(), "FOREIGN KEY") || !strings.Contains(err.Error(), "table ") {
			t.Errorf("a %s of nothing: %v", name, err)
		}
	}
}

func TestTwoGenerationsDoNotShareAnObject(t *testing.T) {
	s := create(t, t.TempDir())
	c := kms.Change{
		Keys: []kms.KeyRow{{ID: "k", Rev: 1}},
		Generations: []kms.GenerationRow{
			{KeyID: "k", Number: 1, Rev: 1, Object: [16]byte{1}}, {KeyID: "k", Number: 2, Rev: 1, Object: [16]byte{1}},
		},
	}
	if err := s.Apply(t.Context(), c); err == nil {
		t.Error("two generations have one object")
	}
}

func TestCloseWaitsForCallsUnderWayAndMayBeRepeated(t *testing.T) {
	dir := t.TempDir()
	s := create(t, dir)
	answers := make(chan error, 64)
	for i := range cap(answers) {
		go func() { answers <- s.Apply(t.Context(), keyChange(i, 1)) }()
	}
	time.Sleep(3 * time.Millisecond)
	shut(t, s)
	shut(t, s)
	made := 0
	for range cap(answers) {
		if <-answers == nil {
			made++
		}
	}
	keys, err := reopen(t, dir).Keys(t.Context(), account, "", 1000)
	if err != nil || len(keys) != made {
		t.Errorf("%d changes were acknowledged, %d are there, %v", made, len(keys), err)
	}
}
