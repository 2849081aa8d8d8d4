package hsm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/keyhold/keyhold/internal/secret"
)

// PINSource gives the user PIN. It is asked at every login, so a re-login needs no PIN kept in memory; the caller
// wipes what it gets. An error is not a refused PIN: the token was not asked.
type PINSource func() (secret.Bytes, error)

// maxPINFile bounds what is read: CloudHSM's "user:password" is the longest known, nShield allows 512.
const maxPINFile = 1024

// credentialsEnv is where systemd tells a service the directory of its credentials (systemd.exec(5)).
const credentialsEnv = "CREDENTIALS_DIRECTORY"

// PINFromFile reads the PIN from a regular file that only its owner may read. One newline at the end is dropped.
func PINFromFile(path string) PINSource {
	return func() (secret.Bytes, error) {
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe is refused, and not waited for
		if err != nil {
			return secret.Bytes{}, fmt.Errorf("open the PIN file: %w", err)
		}
		defer f.Close()
		if err := private(f); err != nil {
			return secret.Bytes{}, err
		}
		return readPIN(f, path)
	}
}

// private asks the open file, not the path, so that the answer is about what will be read.
func private(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at the PIN file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("the PIN file %s is not a regular file", f.Name())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("the PIN file %s has mode %04o, so others than its owner can reach it; it must be its owner's alone", f.Name(), mode)
	}
	return nil
}

// PINFromFD reads the PIN from an inherited descriptor, up to its end. Call it before anything else is opened: a file
// of our own with that number would be read as a PIN, and the token would count a wrong one. What Go opens is closed on
// exec and what is inherited is not, which tells the two apart; a descriptor that was not inherited is refused. A pipe
// can be read once only, so the PIN is kept in memory for later logins, unlike that of the other sources.
func PINFromFD(fd uintptr) PINSource {
	inherited := takeOver(fd)
	kept := sync.OnceValues(func() (secret.Bytes, error) {
		if !inherited {
			return secret.Bytes{}, fmt.Errorf("descriptor %d, which should bring the PIN, was not inherited; run for example: keyhold ... %d<FILE", fd, fd)
		}
		f := os.NewFile(fd, "the PIN descriptor")
		if f == nil {
			return secret.Bytes{}, fmt.Errorf("descriptor %d is not open", fd)
		}
		pin, err := readPIN(f, f.Name())
		return pin, errors.Join(err, f.Close())
	})
	return func() (secret.Bytes, error) {
		pin, err := kept()
		if err != nil {
			return secret.Bytes{}, err
		}
		return secret.New(bytes.Clone(pin.Reveal())), nil
	}
}

// takeOver tells whether a descriptor was inherited, and marks it so that no child inherits it again.
func takeOver(fd uintptr) bool {
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFD, 0)
	if errno != 0 || flags&syscall.FD_CLOEXEC != 0 {
		return false
	}
	syscall.CloseOnExec(int(fd))
	return true
}

// PINFromCredential reads the PIN from a systemd credential: $CREDENTIALS_DIRECTORY/name. systemd keeps the file
// private to the service, with modes that allow its group on some systems, so the mode is not judged.
func PINFromCredential(name string) PINSource {
	return func() (secret.Bytes, error) {
		dir := os.Getenv(credentialsEnv)
		if dir == "" {
			return secret.Bytes{}, fmt.Errorf("%s is not set: the process was not started by systemd with LoadCredential=%s", credentialsEnv, name)
		}
		if name == "" || name != filepath.Base(name) || name == "." || name == ".." {
			return secret.Bytes{}, fmt.Errorf("the credential name %q is not a plain file name", name)
		}
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return secret.Bytes{}, fmt.Errorf("open the PIN credential: %w", err)
		}
		defer f.Close()
		return readPIN(f, f.Name())
	}
}

func readPIN(r io.Reader, from string) (secret.Bytes, error) {
	buf := make([]byte, maxPINFile+1)
	n, err := io.ReadFull(r, buf)
	if err == nil {
		secret.Wipe(buf)
		return secret.Bytes{}, fmt.Errorf("%s holds more than %d octets, which is no PIN", from, maxPINFile)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		secret.Wipe(buf)
		return secret.Bytes{}, fmt.Errorf("read the PIN: %w", err)
	}
	pin := bytes.TrimSuffix(buf[:n], []byte("\n"))
	pin = bytes.TrimSuffix(pin, []byte("\r"))
	if len(pin) == 0 {
		return secret.Bytes{}, fmt.Errorf("%s is empty: it must hold the PIN", from)
	}
	return secret.New(pin), nil
}
