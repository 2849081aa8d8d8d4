package cli

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/urfave/cli/v2"
)

// outputFlags say where octets go and how they are written.
func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "out", Usage: "write the result to a new `FILE` that only its owner can read", TakesFile: true},
		&cli.BoolFlag{Name: "base64", Usage: "write base64 text"},
		&cli.BoolFlag{Name: "raw", Usage: "write the octets as they are; the default"},
		forceFlag(),
	}
}

func forceFlag() cli.Flag {
	return &cli.BoolFlag{Name: "force", Usage: "replace output files that exist"}
}

// sink is where a command's octets go: a file to be, or the standard output.
type sink struct {
	p      *program
	file   string // "": the standard output
	base64 bool
	force  bool
	text   bool // octets that are printable text may go to a terminal
}

// sinkOf reads outputFlags, and refuses what cannot work before anything is done.
func (p *program) sinkOf(c *cli.Context) (sink, error) {
	if c.Bool("raw") && c.Bool("base64") {
		return sink{}, usagef(c, "--raw and --base64 exclude each other")
	}
	s := sink{p: p, file: c.String("out"), base64: c.Bool("base64"), force: c.Bool("force")}
	if s.file == "-" {
		s.file = ""
	}
	if s.file != "" && wantsJSON(c) {
		return s, usagef(c, "--out and -o json exclude each other")
	}
	return s, s.vacant()
}

// binary makes a sink for octets that are no text refuse a terminal beforehand.
func (s sink) binary(c *cli.Context) error {
	if s.file == "" && !s.base64 && !wantsJSON(c) && isTerminal(s.p.out) {
		return errTerminal()
	}
	return nil
}

func errTerminal() error {
	return advise(errors.New("the result is binary and would garble the terminal"), "write it to a file with --out FILE, or as text with --base64")
}

// isTerminal tells a file that has the size of a window, which devices such as /dev/null and /dev/full have not.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	var size [4]uint16 // struct winsize of tty_ioctl(4)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	return errno == 0
}

// vacant refuses a file that is there already.
func (s sink) vacant() error {
	if s.file == "" {
		return nil
	}
	info, err := os.Lstat(s.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := filepath.Dir(s.file)
		if dir, err := os.Stat(parent); err != nil || !dir.IsDir() {
			return advise(fmt.Errorf("there is no directory %s to write %s in", parent, filepath.Base(s.file)),
				"name a directory that is there, or make it first: mkdir -p %s", shellWord(parent))
		}
		return nil
	case err != nil:
		return fmt.Errorf("write the result: %w", err)
	case !info.Mode().IsRegular():
		return advise(fmt.Errorf("%s is not a regular file", s.file), "name a file that does not exist")
	case !s.force:
		return advise(fmt.Errorf("%s exists", s.file), "name another file, or replace it with --force")
	}
	return nil
}

// write puts the octets where they belong.
func (s sink) write(octets []byte) error {
	text := octets
	if s.base64 {
		text = append(base64.StdEncoding.AppendEncode(nil, octets), '\n')
		defer secret.Wipe(text)
	}
	switch {
	case s.file != "":
		return writeFile(s.file, text, s.force)
	case !s.base64 && isTerminal(s.p.out) && !(s.text && isText(octets)):
		return errTerminal()
	}
	return s.p.print(text)
}

// isText tells octets that a terminal shows and does not obey.
func isText(octets []byte) bool {
	for len(octets) > 0 {
		r, size := utf8.DecodeRune(octets)
		if r == utf8.RuneError || !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			return false
		}
		octets = octets[size:]
	}
	return true
}

// writeFile makes a file, mode 0600, that appears only when it is complete and durable. Only with force does it replace
// one.
func writeFile(path string, octets []byte, force bool) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	defer func() {
		if gone := os.Remove(f.Name()); err == nil && !errors.Is(gone, fs.ErrNotExist) {
			err = gone
		}
	}()
	_, err = f.Write(octets)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return publish(f.Name(), path, force)
}

// publish gives a complete file its name. A link refuses a name that was taken meanwhile; file systems without links
// are asked first and then renamed on.
func publish(temporary, path string, force bool) error {
	if force {
		return os.Rename(temporary, path)
	}
	err := os.Link(temporary, path)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) {
		if err := (sink{file: path}).vacant(); err != nil {
			return err
		}
		return os.Rename(temporary, path)
	}
	if errors.Is(err, fs.ErrExist) {
		return advise(fmt.Errorf("%s exists", path), "name another file, or replace it with --force")
	}
	return err
}
