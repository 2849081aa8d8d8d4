package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/store/sqlite"
)

// holder starts another process that owns a new directory, and returns how to end it properly.
func holder(t *testing.T) (dir string, pid int, end func()) {
	t.Helper()
	dir = t.TempDir()
	shut(t, create(t, dir))
	cmd := child(t, "hold", dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if out := lines(t, cmd); !out.Scan() || out.Text() != "held" {
		t.Fatalf("the holder says %q, %v", out.Text(), out.Err())
	}
	return dir, cmd.Process.Pid, func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestASecondOwnerIsToldWhoTheFirstIs(t *testing.T) {
	dir, pid, _ := holder(t)
	want := fmt.Sprintf(`open data directory: the data directory is in use: %s belongs to process %d ("keyhold serve", since 2026-10-01T12:30:00Z): stop it, or wait until it ends`, dir, pid)
	for name, open := range map[string]func(context.Context, sqlite.Config) (*sqlite.Store, error){"open": sqlite.Open, "create": sqlite.Create} {
		_, err := open(t.Context(), config(dir))
		if !errors.Is(err, sqlite.ErrLocked) || !strings.HasSuffix(err.Error(), strings.TrimPrefix(want, "open data directory")) {
			t.Errorf("%s: got %v\nwant %s", name, err, want)
		}
	}
}

func TestASecondOwnerWaitsForTheFirst(t *testing.T) {
	dir, _, end := holder(t)
	c := config(dir)
	c.LockWait = 20 * time.Second
	opened := make(chan error, 1)
	go func() {
		s, err := sqlite.Open(context.Background(), c)
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	end()
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func TestASecondOwnerWaitsNoLongerThanItWasTold(t *testing.T) {
	dir, _, _ := holder(t)
	c := config(dir)
	c.LockWait = 150 * time.Millisecond
	start := time.Now()
	if _, err := sqlite.Open(t.Context(), c); !errors.Is(err, sqlite.ErrLocked) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took < c.LockWait || took > 5*time.Second {
		t.Errorf("waited %s", took)
	}
	c.LockWait = 0 // ten seconds
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := sqlite.Open(ctx, c); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sqlite.ErrLocked) {
		t.Errorf("got %v", err)
	}
}

func TestALockDiesWithItsOwner(t *testing.T) {
	dir := t.TempDir()
	shut(t, create(t, dir))
	cmd := child(t, "hold", dir)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if out := lines(t, cmd); !out.Scan() {
		t.Fatal(out.Err())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() //nolint:errcheck // killed
	reopen(t, dir)
}

func TestOneProcessOpensADirectoryOnce(t *testing.T) {
	dir := t.TempDir()
	s := create(t, dir)
	if _, err := sqlite.Open(t.Context(), config(dir)); !errors.Is(err, sqlite.ErrLocked) {
		t.Errorf("got %v", err)
	}
	shut(t, s)
	reopen(t, dir)
}

// What the lock file says is for people; whatever it holds, it does not keep anybody out and does not reach a terminal
// unquoted.
func TestALockFileIsOnlyANote(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "of a dead process": "pid 1\ncommand init\n", "without a number": "pid x\ncommand y\n",
		"hostile": "pid 7\ncommand \x1b[2Jgone\nsince yesterday\n", "long": strings.Repeat("x", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			shut(t, create(t, dir))
			file := filepath.Join(dir, "keyhold.lock")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := reopen(t, dir)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := sqlite.Open(t.Context(), config(dir))
			if !errors.Is(err, sqlite.ErrLocked) || strings.ContainsRune(err.Error(), '\x1b') || len(err.Error()) > 500 {
				t.Errorf("got %q", err)
			}
			shut(t, s)
		})
	}
}
