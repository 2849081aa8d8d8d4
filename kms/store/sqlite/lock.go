package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lock is the ownership of a data directory: an flock(2) on keyhold.lock, which the kernel releases when its holder
// dies however it dies. The file is never removed: whoever waits on the old file and whoever makes a new one would
// both believe that they own the directory. What is written in it is for people and decides nothing.
type lock struct{ file *os.File }

const lockPoll = 25 * time.Millisecond

// acquire takes the lock, waiting as long as cfg says, or refuses with ErrLocked and who holds it.
func acquire(ctx context.Context, dir directory, cfg Config) (*lock, error) {
	f, err := os.OpenFile(dir.lockFile(), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, unwritable(dir, err)
	}
	if err := wait(ctx, f, cfg.LockWait); err != nil {
		if errors.Is(err, ErrLocked) {
			err = fmt.Errorf("%w: %s belongs to %s: stop it, or wait until it ends", err, dir, holder(f))
		}
		return nil, errors.Join(err, f.Close())
	}
	if err := sign(f, cfg); err != nil {
		cfg.Logger.Warn("write into the lock file who holds it", "error", err)
	}
	return &lock{file: f}, nil
}

func wait(ctx context.Context, f *os.File, limit time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, max(limit, 0))
	defer cancel()
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		taken, err := try(f)
		if taken || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-limited.Done():
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("wait for the lock of the data directory: %w", err)
			}
			return ErrLocked
		}
	}
}

func try(f *os.File) (bool, error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}

// sign writes the holder's name. A full disk prevents it, and must not prevent decryption.
func sign(f *os.File, cfg Config) error {
	text := fmt.Sprintf("pid %d\ncommand %s\n", os.Getpid(), cfg.Command)
	if cfg.Now != nil {
		text += "since " + cfg.Now().UTC().Format(time.RFC3339) + "\n"
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// holder reads what sign wrote. The file may hold anything, so what goes to a terminal is quoted.
func holder(f *os.File) string {
	fields := make(map[string]string)
	lines := bufio.NewScanner(io.NewSectionReader(f, 0, 4096))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		fields[name] = value
	}
	pid, err := strconv.Atoi(fields["pid"])
	if err != nil {
		return "another process"
	}
	who := fmt.Sprintf("process %d (%q", pid, fields["command"])
	if since, err := time.Parse(time.RFC3339, fields["since"]); err == nil {
		who += ", since " + since.Format(time.RFC3339)
	}
	return who + ")"
}

// release gives the directory up. The name goes first, so that nobody is blamed who has left.
func (l *lock) release() error {
	return errors.Join(l.file.Truncate(0), l.file.Close())
}

func programName() string { return filepath.Base(os.Args[0]) }
