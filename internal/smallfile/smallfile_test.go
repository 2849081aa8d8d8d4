package smallfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keyhold/keyhold/internal/smallfile"
)

const limit = 1000

func TestARegularFileIsReadToItsEnd(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{0, 1, 511, limit} {
		path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
		want := strings.Repeat("x", size)
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(link)
		if err := os.Symlink("file", link); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, link} {
			if got, err := smallfile.Read(name, limit); err != nil || string(got) != want {
				t.Errorf("%d bytes: got %d, %v", size, len(got), err)
			}
		}
	}
}

func TestWhatIsNoSmallFileIsRefusedWithoutWaiting(t *testing.T) {
	dir := t.TempDir()
	pipe, long, socket, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "long"), filepath.Join(dir, "socket"), filepath.Join(dir, "link")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(long, make([]byte, limit+1), 0o600), os.Symlink(pipe, link)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe: "is a pipe: name a regular file", link: link + " is a pipe", "/dev/zero": "is a device", dir: "is a directory", socket: "is a socket",
		long: "is larger than 1000 bytes", filepath.Join(dir, "none"): "no such file",
	} {
		got, err := smallfile.Read(path, limit)
		if err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
	if _, err := smallfile.Read(filepath.Join(dir, "none"), limit); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that there is not: %v", err)
	}
}

func TestAFileThatSaysItIsEmptyIsReadAllTheSame(t *testing.T) {
	const path = "/proc/self/comm"
	if got, err := smallfile.Read(path, limit); err != nil || len(got) < 2 {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := smallfile.Read(path, 1); err == nil || !strings.Contains(err.Error(), "is larger than 1 bytes") || got != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAPipeIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	pipe, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(file, []byte("file"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{pipe: "is a pipe to which nobody writes", "/dev/zero": "is a device", dir: "is a directory"} {
		if got, err := smallfile.ReadOnce(path, limit); err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
	if got, err := smallfile.ReadOnce(file, limit); string(got) != "file" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for size, want := range map[int]string{1: "", limit: "", limit + 1: "is larger than 1000 bytes"} {
		reader, writer, err := os.Pipe() // the reader's end keeps what was written before it is opened anew
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for range size { // bit by bit, as it may come
				_, _ = writer.Write([]byte("x"))
			}
			_ = writer.Close()
		}()
		got, err := smallfile.ReadOnce(fmt.Sprintf("/dev/fd/%d", reader.Fd()), limit)
		_ = reader.Close()
		if want == "" && (err != nil || len(got) != size) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
	}
}
