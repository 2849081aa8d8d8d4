package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/keyhold/keyhold/internal/ownership"
)

// directory is the absolute path of a data directory; absolute, because a daemon may change its working directory and
// SQLite opens connections later.
type directory string

func (d directory) database() string { return filepath.Join(string(d), databaseName) }
func (d directory) lockFile() string { return filepath.Join(string(d), lockName) }

// harmless are the files that may be in a directory before Keyhold's database is: what an interrupted Create left, and
// what a new ext4 volume is born with.
var harmless = []string{lockName, "lost+found"}

// existingDirectory finds a directory with a database in it that others cannot change, touching nothing.
func existingDirectory(path string) (directory, error) {
	dir, err := absolute(path)
	if err != nil {
		return "", err
	}
	if _, err := entriesOf(dir); err != nil {
		return "", err
	}
	if err := ownership.Check(string(dir)); err != nil {
		return "", err
	}
	switch info, err := os.Lstat(dir.database()); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w: %s holds no %s: run `keyhold init`, or name another directory", ErrNoDirectory, dir, databaseName)
	case err != nil:
		return "", unreadable(dir, err)
	default:
		return dir, plain(dir, info)
	}
}

// plain refuses a database that is not a file of its own: a link could be reached through two directories, and the
// lock of one would not keep the other's owner out.
func plain(dir directory, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is a link or a special file: put the database itself there", ErrNotOurs, dir.database())
	}
	return nil
}

// vacantDirectory finds or makes a directory with nothing in it, or with a database. Others must not be able to change
// it, nor to put theirs in its place.
func vacantDirectory(path string) (directory, error) {
	dir, err := absolute(path)
	if err != nil {
		return "", err
	}
	if err := ownership.Check(string(dir)); err != nil {
		return "", err
	}
	if err := makeDirectory(dir); err != nil {
		return "", err
	}
	names, err := entriesOf(dir)
	if err != nil {
		return "", err
	}
	if slices.Contains(names, databaseName) {
		return existingDirectory(path)
	}
	for _, name := range names {
		if !slices.Contains(harmless, name) {
			return "", fmt.Errorf("%w: %s already holds %q: name an empty directory or one that does not exist", ErrNotOurs, dir, name)
		}
	}
	return dir, nil
}

func makeDirectory(dir directory) error {
	parents := toBeEntered(string(dir))
	if len(parents) == 0 {
		return nil
	}
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return unwritable(directory(filepath.Dir(string(dir))), err)
	}
	for _, parent := range parents {
		if err := syncDirectory(parent); err != nil {
			return err
		}
	}
	return nil
}

// toBeEntered are the directories that get a new entry when a path is made. Without any one of the entries a power cut
// takes what is below it.
func toBeEntered(path string) []string {
	var parents []string
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return parents
		}
		path = filepath.Dir(path)
		parents = append(parents, path)
	}
}

func absolute(path string) (directory, error) {
	if path == "" {
		return "", fmt.Errorf("%w: its name is empty: name one", ErrNoDirectory)
	}
	abs, err := filepath.Abs(path)
	return directory(abs), err
}

// entriesOf names what is in a directory, or says why it cannot.
func entriesOf(dir directory) ([]string, error) {
	info, err := os.Stat(string(dir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s does not exist: run `keyhold init`, or name another directory", ErrNoDirectory, dir)
	case err != nil:
		return nil, unreadable(dir, err)
	case !info.IsDir():
		return nil, fmt.Errorf("%w: %s is not a directory: name another", ErrNoDirectory, dir)
	}
	entries, err := os.ReadDir(string(dir))
	if err != nil {
		return nil, unreadable(dir, err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	return names, nil
}

func unreadable(dir directory, err error) error {
	return fmt.Errorf("%s cannot be read by user %d: run as its owner: %w", dir, os.Geteuid(), err)
}

// unwritable explains a refusal to write; other errors it only classifies.
func unwritable(dir directory, err error) error {
	err = classify(err)
	if errors.Is(err, ErrReadOnly) {
		return fmt.Errorf("%w: user %d may not write in %s: run as its owner, or mount its file system for writing", err, os.Geteuid(), dir)
	}
	return err
}

// makeDatabase makes the empty file, so that it never has wider permissions than these. SQLite gives the -wal and -shm
// the same.
func makeDatabase(dir directory) error {
	f, err := os.OpenFile(dir.database(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return unwritable(dir, err)
	}
	return errors.Join(f.Close(), syncDirectory(string(dir)))
}

// smallestPage is the size that every database has which is not empty (sqlite.org/fileformat.html#pages).
const smallestPage = 512

// examine looks at the file before SQLite does, which would quietly open one that it may only read, and take a few
// octets of something else for an empty database.
func examine(dir directory) error {
	f, err := os.OpenFile(dir.database(), os.O_RDWR, 0)
	if err != nil {
		return unwritable(dir, err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 && info.Size() < smallestPage {
		err = fmt.Errorf("%w: file is not a database", ErrNotOurs)
	}
	return errors.Join(err, f.Close())
}

// syncDirectory makes a name that was made in a directory durable.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
