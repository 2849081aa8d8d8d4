package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyhold/keyhold/kms/store/sqlite"
)

type scriptCommand = func(ts *testscript.TestScript, neg bool, args []string)

// scriptCommands are what scripts can do beside running programs.
func scriptCommands() map[string]scriptCommand {
	return map[string]scriptCommand{
		"json":    scriptJSON,
		"fill":    affirmed(2, "fill FILE SIZE", scriptFill),
		"flip":    affirmed(2, "flip FILE OFFSET", scriptFlip),
		"cut":     affirmed(2, "cut FILE SIZE", scriptCut),
		"size":    affirmed(2, "size FILE SIZE", scriptSize),
		"mode":    affirmed(2, "mode FILE MODE", scriptMode),
		"edit":    affirmed(3, "edit FILE OLD NEW", scriptEdit),
		"objects": affirmed(1, "objects NAME", scriptObjects),
		"halve":   affirmed(1, "halve FILE", scriptHalve),
		"sql":     affirmed(1, "sql STATEMENT", scriptSQL),
		"await":   affirmed(2, "await FILE TEXT", scriptAwait),
		"hold":    affirmed(0, "hold", scriptHold),
		"release": affirmed(0, "release", scriptRelease),
		"watch":   affirmed(0, "watch", scriptWatch),
		"unseen":  affirmed(1, "unseen FILE", scriptUnseen),
	}
}

// affirmed is a command with n operands that cannot be negated.
func affirmed(n int, usage string, run func(ts *testscript.TestScript, args []string) error) scriptCommand {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != n {
			ts.Fatalf("usage: %s", usage)
		}
		ts.Check(run(ts, args))
	}
}

// scriptSQL changes the database as somebody with a copy of sqlite3 would. It must change something.
func scriptSQL(ts *testscript.TestScript, args []string) (err error) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(ts.Getenv("KEYHOLD_DATA"), "keyhold.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	result, err := db.Exec(args[0])
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: changed nothing", args[0])
	}
	return err
}

// holding is the data directory that a script holds.
type holding struct{ store *sqlite.Store }

type holdingKey struct{}

// scriptHold takes the data directory as another process would, for this one is not the one that runs keyhold.
func scriptHold(ts *testscript.TestScript, _ []string) error {
	held, _ := ts.Value(holdingKey{}).(*holding)
	store, err := sqlite.Open(context.Background(), sqlite.Config{Dir: ts.Getenv("KEYHOLD_DATA"), Command: "keyhold serve"})
	if err != nil {
		return err
	}
	held.store = store
	ts.Defer(func() { _ = scriptRelease(ts, nil) })
	ts.Setenv("HOLDER", strconv.Itoa(os.Getpid()))
	return nil
}

func scriptRelease(ts *testscript.TestScript, _ []string) error {
	held, _ := ts.Value(holdingKey{}).(*holding)
	store := held.store
	held.store = nil
	if store == nil {
		return nil
	}
	return store.Close()
}

// scriptSetup gives a script its variables and what its commands remember.
func scriptSetup(env *testscript.Env) error {
	env.Setenv("KEYHOLD_DATA", filepath.Join(env.WorkDir, "data"))
	env.Setenv("ESC", "\x1b")                 // begins what terminals obey
	env.Setenv("GORACE", "atexit_sleep_ms=0") // with -race, every program would sleep a second before it exits
	env.Values[holdingKey{}] = &holding{}
	env.Values[watcherKey{}] = &watcher{}
	return nil
}
