package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keyhold/keyhold/kms/store/sqlite"
)

// fill applies changes until one is refused, and tells how many were made.
func fill(s *sqlite.Store, from int) (int, error) {
	for n := from; ; n++ {
		if err := s.Apply(context.Background(), keyChange(n, 1)); err != nil {
			return n, err
		}
	}
}

// stillThere reads all that was acknowledged and nothing more.
func stillThere(s *sqlite.Store, made int) error {
	keys, err := s.Keys(context.Background(), account, "", 1<<20)
	if err == nil && len(keys) != made {
		err = fmt.Errorf("%d keys are there, want %d", len(keys), made)
	}
	return err
}

func TestAFullDatabaseLosesNothingAndRecovers(t *testing.T) {
	dir := t.TempDir()
	s := create(t, dir)
	if err := s.LimitPages(40); err != nil {
		t.Fatal(err)
	}
	made, err := fill(s, 0)
	if !errors.Is(err, sqlite.ErrFull) || made == 0 {
		t.Fatalf("made %d, got %v", made, err)
	}
	if err := stillThere(s, made); err != nil {
		t.Error(err)
	}
	if err := s.LimitPages(1 << 20); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), keyChange(made, 1)); err != nil {
		t.Errorf("with room again: %v", err)
	}
	shut(t, s)
	if err := stillThere(reopen(t, dir), made+1); err != nil {
		t.Error(err)
	}
}

// The disk is a file system in memory that only the child sees. Where the kernel lets nobody make one, the test of a
// full database above has to do.
func TestAFullDiskLosesNothingAndRecovers(t *testing.T) {
	cmd := child(t, "full", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid := os.Geteuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || strings.HasPrefix(string(out), cannotMount):
		t.Logf("no file system of our own: %v %s", err, out)
	case err != nil:
		t.Errorf("%v: %s", err, out)
	}
}

const cannotMount = "mount:"

func fillTheDisk(dir string) error {
	if err := errors.Join(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m")); err != nil {
		return fmt.Errorf("%s %w", cannotMount, err)
	}
	data, ballast := filepath.Join(dir, "data"), filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 300<<10), 0o600); err != nil {
		return err
	}
	s, err := sqlite.Create(context.Background(), config(data))
	if err != nil {
		return err
	}
	made, err := fill(s, 0)
	if !errors.Is(err, sqlite.ErrFull) || made == 0 {
		return fmt.Errorf("made %d, then %w", made, err)
	}
	if err := stillThere(s, made); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("close on the full disk: %w", err)
	}
	if s, err = sqlite.Open(context.Background(), config(data)); err != nil {
		return fmt.Errorf("open on the full disk: %w", err)
	}
	if err := stillThere(s, made); err != nil {
		return err
	}
	if _, err := fill(s, made); !errors.Is(err, sqlite.ErrFull) {
		return fmt.Errorf("fill again: %w", err)
	}
	if made, err = count(s); err != nil {
		return err
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	if err := s.Apply(context.Background(), keyChange(made, 1)); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	return errors.Join(stillThere(s, made+1), s.Close())
}

func count(s *sqlite.Store) (int, error) {
	keys, err := s.Keys(context.Background(), account, "", 1<<20)
	return len(keys), err
}

func TestADiskThatFailsInACommitClosesTheStore(t *testing.T) {
	out, err := child(t, "broken", t.TempDir()).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) || err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// breakTheDisk lets the kernel refuse to make any file longer than it is, which SQLite sees as an I/O error.
func breakTheDisk(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	s, err := sqlite.Create(context.Background(), config(dir))
	if err != nil {
		return err
	}
	if err := s.Apply(context.Background(), keyChange(0, 1)); err != nil {
		return err
	}
	var healthy syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &healthy); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 16 << 10, Max: healthy.Max}); err != nil {
		return err
	}
	if err := s.Apply(context.Background(), keyChange(1, 1)); !errors.Is(err, sqlite.ErrUncertain) {
		return fmt.Errorf("commit on a broken disk: %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &healthy); err != nil {
		return err
	}
	_, reading := s.Generations(context.Background())
	for _, err := range []error{reading, s.Apply(context.Background(), keyChange(2, 1))} {
		if !errors.Is(err, sqlite.ErrUncertain) {
			return fmt.Errorf("a call after it: %w", err)
		}
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = sqlite.Open(context.Background(), config(dir)); err != nil {
		return err
	}
	return errors.Join(stillThere(s, 1), s.Apply(context.Background(), keyChange(2, 1)), s.Close())
}
