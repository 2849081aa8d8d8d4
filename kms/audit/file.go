package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// file is what the committer needs of the newest segment. Tests put failing disks in its place.
type file interface {
	// Write appends. It may write a part and fail.
	Write(p []byte) (int, error)
	// Sync returns when everything written is on stable storage.
	Sync() error
	// Truncate cuts the file to size octets.
	Truncate(size int64) error
	// Check refuses a file that is not, under its name, the one that was opened, size octets long.
	Check(size int64) error
	Close() error
}

// disk makes the files and directories of a log.
type disk interface {
	// Create makes the segment of that name, durable with its entry in the directory. It must not exist.
	Create(name string) (file, error)
	// Append opens an existing segment for appending.
	Append(name string) (file, error)
	Close() error
}

// osDisk is a directory that this process alone appends to.
type osDisk struct {
	path string
	dir  *os.File // locked until it is closed
}

var (
	_ disk = (*osDisk)(nil)
	_ file = (*osFile)(nil)
)

// openDisk makes the directory if need be (its parent must exist) and locks it.
func openDisk(path string) (*osDisk, error) {
	err := os.Mkdir(path, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the audit directory: %w", err)
	}
	if err == nil {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	dir, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open the audit directory (it must be a directory, not a link to one): %w", err)
	}
	// The kernel drops this lock when the process ends, however it ends.
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		err = fmt.Errorf("lock the audit directory %s; is another keyhold process using it? %w", path, err)
		return nil, errors.Join(err, dir.Close())
	}
	return &osDisk{path: path, dir: dir}, nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync a directory: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync the directory %s: %w", path, err)
	}
	return nil
}

func (d *osDisk) Close() error { return d.dir.Close() }

func (d *osDisk) Create(name string) (file, error) {
	f, err := d.open(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.File.Sync(), d.dir.Sync()); err != nil {
		// Without the empty file a full disk can be tried again.
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

func (d *osDisk) Append(name string) (file, error) { return d.open(name, os.O_WRONLY|os.O_APPEND) }

func (d *osDisk) open(name string, flags int) (*osFile, error) {
	f, err := openRegular(filepath.Join(d.path, name), flags)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &osFile{File: f, info: info}, nil
}

// openRegular opens a file that is not a link. O_NONBLOCK is for a FIFO of that name, which would block for ever.
func openRegular(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// osFile is a segment open for appending.
type osFile struct {
	*os.File
	info fs.FileInfo
}

// Sync is fdatasync where there is one: it includes the length, which is all of the metadata that a reader needs.
func (f *osFile) Sync() error { return syncData(f.File) }

// Check is cheap (one lstat) and done before every acknowledgement: a record in a file that has been unlinked is on
// stable storage, and gone.
func (f *osFile) Check(size int64) error {
	info, err := os.Lstat(f.Name())
	switch {
	case err != nil:
		return fmt.Errorf("the segment was removed: %w", err)
	case !os.SameFile(info, f.info):
		return fmt.Errorf("the segment %s was replaced by another file", f.Name())
	case info.Size() != size:
		return fmt.Errorf("the segment %s has %d bytes where %d belong: somebody else has written to it", f.Name(), info.Size(), size)
	default:
		return nil
	}
}
