// Package smallfile reads files that people name, of which no more is expected than a page of text: certificates, keys,
// profiles. What would be waited for, or never ends, is refused.
package smallfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/keyhold/keyhold/internal/secret"
)

// Read is what is in a regular file, or in one that links lead to, of at most limit bytes. Pipes, devices, sockets and
// directories are refused without waiting for them, longer files without reading them to their end; other errors are
// those of package os, such as fs.ErrNotExist. It leaves no copy of what may be secret: whoever gets it wipes it.
func Read(path string, limit int) ([]byte, error) {
	info, err := os.Stat(path) // a device may do something when it is opened
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe that took its place is not waited for
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	return read(f, info.Size(), limit)
}

func regular(path string, info fs.FileInfo) error {
	kind := "something else"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
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
