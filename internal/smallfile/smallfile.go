// Package smallfile reads files that people name, of which no more is expected than a page of text: certificates, keys,
// profiles. What never ends is refused, and nothing is waited for long.
package smallfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
)

// Read is what is in a regular file, or in one that links lead to, of at most limit bytes. Pipes, devices, sockets and
// directories are refused without waiting for them, longer files without reading them to their end; other errors are
// those of package os, such as fs.ErrNotExist. It leaves no copy of what may be secret: whoever gets it wipes it.
func Read(path string, limit int) ([]byte, error) {
	return reader{fit: Regular}.read(path, limit)
}

// PipeWait is how long ReadOnce waits for the end of a pipe.
const PipeWait = time.Minute

// ReadOnce is Read for a file that is read once only, and may therefore be a pipe to which somebody writes, such as the
// <(...) of a shell. A pipe that brings nothing is refused, and every pipe where none can be read with a time limit.
func ReadOnce(path string, limit int) ([]byte, error) {
	return reader{fit: regularOrPipe, wait: PipeWait}.read(path, limit)
}

// reader reads the files that fit does not refuse, and waits so long for the end of a pipe.
type reader struct {
	fit  func(string, fs.FileInfo) error
	wait time.Duration
}

// read asks twice whether the file fits: a device may do something when it is opened, and another file may take its place
// before that.
func (r reader) read(path string, limit int) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := r.fit(path, info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // nobody waits for a pipe to be opened for writing
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if err := r.fit(path, info); err != nil {
		return nil, err
	}
	if isPipe(info) {
		if f.SetReadDeadline(time.Time{}) != nil {
			return nil, Regular(path, info)
		}
		defer time.AfterFunc(r.wait, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) }).Stop()
	}
	text, err := read(f, info.Size(), limit)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%s is a pipe that has not ended within %v: name a regular file", path, r.wait)
	case err == nil && len(text) == 0 && isPipe(info):
		return nil, fmt.Errorf("%s is a pipe to which nobody writes, or that was read before: name a regular file", path)
	}
	return text, err
}

func isPipe(info fs.FileInfo) bool { return info.Mode()&fs.ModeNamedPipe != 0 }

func regularOrPipe(path string, info fs.FileInfo) error {
	if isPipe(info) {
		return nil
	}
	return Regular(path, info)
}

// Regular refuses a file that is not a regular one, as Read does; info is what os.Stat says of it.
func Regular(path string, info fs.FileInfo) error {
	kind := "something else"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a directory"
	case isPipe(info):
		kind = "a pipe"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	}
	return fmt.Errorf("%s is %s: name a regular file", path, kind)
}

// read reads f, of which size is known as far as the file system says it; some say 0.
func read(f *os.File, size int64, limit int) ([]byte, error) {
	if size > int64(limit) {
		return nil, fmt.Errorf("%s is larger than %d bytes", f.Name(), limit)
	}
	if size == 0 {
		size = int64(limit)
	}
	buf := make([]byte, size+1)
	n, err := io.ReadFull(f, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return buf[:n], nil
	}
	secret.Wipe(buf)
	switch {
	case err != nil:
		return nil, err
	case size == int64(limit):
		return nil, fmt.Errorf("%s is larger than %d bytes", f.Name(), limit)
	}
	return nil, fmt.Errorf("%s became longer while it was read: try again", f.Name())
}
