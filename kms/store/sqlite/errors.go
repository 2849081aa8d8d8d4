package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/mattn/go-sqlite3"

	"github.com/keyhold/keyhold/kms"
)

// The refusals that a caller can act on. Each is wrapped in one sentence that names the file or directory and the
// next step. Whatever is refused with one of them was not changed.
var (
	// ErrNoDirectory: the directory is missing, is not a directory, or holds no database.
	ErrNoDirectory = errors.New("there is no Keyhold data directory")
	// ErrLocked: another process owns the directory and did not let go of it in time.
	ErrLocked = errors.New("the data directory is in use")
	// ErrNewer: the database has a schema that this program does not know.
	ErrNewer = errors.New("made by a newer Keyhold")
	// ErrNotOurs: something is there that Keyhold did not make, or not like this.
	ErrNotOurs = errors.New("not made by Keyhold")
	// ErrDamaged: the database is Keyhold's, but SQLite finds it broken.
	ErrDamaged = errors.New("the database is damaged")
	// ErrReadOnly: the directory or its file system cannot be written.
	ErrReadOnly = errors.New("the data directory cannot be written")
	// ErrFull: the file system has no room. The store works again once there is some.
	ErrFull = errors.New("the disk is full")
	// ErrUncertain: the disk failed while a change was being committed, and only the next opening, which reads what is
	// on the disk, can tell whether the change was made. The call that met the failure answers this, and so does every
	// call after it, so that nobody acts on what may turn out not to be so.
	ErrUncertain = errors.New("the disk failed during a commit; restart Keyhold to find out what is stored")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// classes says by which codes of SQLite, or of the system behind it, a sentinel is known. Running out of room while the
// shared index of the WAL grows, or out of quota, is a plain I/O error to SQLite.
var classes = []struct {
	sentinel error
	codes    []sqlite3.ErrNo
	system   []syscall.Errno
}{
	{ErrFull, []sqlite3.ErrNo{sqlite3.ErrFull}, []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT}},
	{ErrReadOnly, []sqlite3.ErrNo{sqlite3.ErrReadonly}, []syscall.Errno{syscall.EROFS, syscall.EACCES, syscall.EPERM}},
	{ErrDamaged, []sqlite3.ErrNo{sqlite3.ErrCorrupt}, nil},
	{ErrNotOurs, []sqlite3.ErrNo{sqlite3.ErrNotADB}, nil},
}

// classify adds the sentinel that an error of SQLite or of the system stands for, if there is one.
func classify(err error) error {
	var lite sqlite3.Error
	var sys syscall.Errno
	if errors.As(err, &lite) {
		sys = lite.SystemErrno
	} else if !errors.As(err, &sys) {
		return err
	}
	for _, class := range classes {
		if slices.Contains(class.codes, lite.Code) || slices.Contains(class.system, sys) {
			return fmt.Errorf("%w: %w", class.sentinel, err)
		}
	}
	return err
}

// isUncertain tells an error that leaves open whether a commit reached the disk. A full disk does not: the record that
// makes the transaction valid comes last.
func isUncertain(err error) bool {
	var lite sqlite3.Error
	return errors.As(err, &lite) && lite.Code == sqlite3.ErrIoErr
}

// standsInTheWay are the constraints that tell of another row: one that is there, or refers to the row, or that the row
// refers to and that is gone.
var standsInTheWay = []sqlite3.ErrNoExtended{
	sqlite3.ErrConstraintUnique, sqlite3.ErrConstraintPrimaryKey, sqlite3.ErrConstraintForeignKey, sqlite3.ErrConstraintTrigger,
}

// conflicting adds kms.ErrConflict to the violation of a constraint that another change may be the cause of: whoever
// decided on the change did not see the row.
func conflicting(err error) error {
	var lite sqlite3.Error
	if errors.As(err, &lite) && slices.Contains(standsInTheWay, lite.ExtendedCode) {
		return fmt.Errorf("%w: %w", kms.ErrConflict, err)
	}
	return err
}
