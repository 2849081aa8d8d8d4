// Package sqlite keeps Keyhold's rows in a data directory: one SQLite database, owned by one process at a time.
//
// The files are keyhold.db with its -wal and -shm, and keyhold.lock. No other code of the process may open keyhold.db
// while the store is open: closing any descriptor of the file drops the POSIX locks that SQLite holds on it.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyhold/keyhold/kms"
)

var _ kms.Store = (*Store)(nil)

const (
	databaseName = "keyhold.db"
	lockName     = "keyhold.lock"

	defaultLockWait = 10 * time.Second
)

// Config says where the store is and how to wait for it.
type Config struct {
	// Dir is the data directory. Required.
	Dir string
	// LockWait is how long to wait for another owner of the directory. 0: ten seconds. Negative: do not wait.
	LockWait time.Duration
	// Command is what the lock file says of this process, for whoever finds the directory in use; never an argument
	// list, which may hold data. Empty: the name of the program.
	Command string
	// Now stamps the lock file. Nil: it bears no time.
	Now func() time.Time
	// Logger hears of migrations and of what could not be tidied up. Nil: nobody does.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.LockWait == 0 {
		c.LockWait = defaultLockWait
	}
	if c.Command == "" {
		c.Command = programName()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Store is an open data directory. It satisfies kms.Store: every method may be called concurrently, and what a writing
// method acknowledged is on the disk.
//
// A writing method that has begun its transaction finishes it even if its context ends, so that its answer is true.
// Only ErrUncertain leaves the outcome open.
type Store struct {
	log    *slog.Logger
	lock   *lock
	writer *sql.DB // one connection
	reader *sql.DB // a pool that cannot write

	uncertain atomic.Bool // see ErrUncertain

	mu     sync.RWMutex // held for reading by every method under way, so that Close waits for them
	closed bool
}

// Open opens the store in an existing data directory and brings its schema up to date. It refuses, and changes
// nothing, with ErrNoDirectory, ErrLocked, ErrNewer, ErrNotOurs, ErrDamaged, ErrReadOnly or an *ownership.Error.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	dir, err := existingDirectory(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	s, err := own(ctx, cfg, dir, mustExist)
	if err != nil {
		return nil, fmt.Errorf("open data directory: %w", err)
	}
	return s, nil
}

// Create makes a data directory and its database and opens it. The directory may exist if it is empty. A directory
// that holds Keyhold's database already is opened as it is, so that an interrupted initialisation can be repeated: Meta
// tells how far it came. Any other is refused with ErrNotOurs, and Open's refusals apply.
func Create(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	dir, err := vacantDirectory(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	s, err := own(ctx, cfg, dir, mayBeNew)
	if err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	return s, nil
}

// own takes the lock of a directory and opens its database, or lets the lock go again.
func own(ctx context.Context, cfg Config, dir directory, age databaseAge) (*Store, error) {
	l, err := acquire(ctx, dir, cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{log: cfg.Logger, lock: l}
	if err := s.connect(ctx, dir, age); err != nil {
		return nil, errors.Join(err, l.release())
	}
	return s, nil
}

// Close waits for the calls under way, folds the WAL into the database and gives the directory up. Calls after it
// answer ErrClosed; closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.tidy()
	if err := errors.Join(s.reader.Close(), s.writer.Close(), s.lock.release()); err != nil {
		return fmt.Errorf("close data directory: %w", err)
	}
	return nil
}

// tidy does what the next opener could do as well. Its failure, on a full disk say, loses nothing.
func (s *Store) tidy() {
	for _, pragma := range []string{"PRAGMA optimize", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := s.writer.Exec(pragma); err != nil {
			s.log.Warn("tidy the database", "statement", pragma, "error", err)
		}
	}
}
