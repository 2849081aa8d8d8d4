package hsm_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keyhold/keyhold/hsm"
)

func TestThePINFileMustBePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pin")
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o644: false, 0o640: false, 0o604: false, 0o620: false} {
		write(t, path, "1234\n", mode)
		pin, err := hsm.PINFromFile(path)()
		if good && (err != nil || string(pin.Reveal()) != "1234") {
			t.Errorf("mode %v: %q, %v", mode, pin.Reveal(), err)
		}
		if !good && (err == nil || !strings.Contains(err.Error(), "it must be its owner's alone")) {
			t.Errorf("mode %v: got %v", mode, err)
		}
	}
}

func TestAPINFileHoldsOnePIN(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"1234": "1234", "1234\n": "1234", "1234\r\n": "1234", " 12 34 ": " 12 34 ", "1234\n\n": "1234\n",
		"": "", "\n": "", strings.Repeat("x", 1025): "",
	} {
		path := filepath.Join(dir, "pin")
		write(t, path, text, 0o600)
		pin, err := hsm.PINFromFile(path)()
		if (err == nil) != (want != "") || string(pin.Reveal()) != want {
			t.Errorf("%.10q: %q, %v", text, pin.Reveal(), err)
		}
		if err != nil && strings.Contains(err.Error(), "xxx") {
			t.Errorf("the error shows the file: %v", err)
		}
	}
	if _, err := hsm.PINFromFile(dir)(); err == nil {
		t.Error("a directory was read as a PIN")
	}
}

func TestAPINFromADescriptorIsReadOnceAndKept(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("1234\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd, err := syscall.Dup(int(r.Fd())) // the source closes what it reads
	if err != nil {
		t.Fatal(err)
	}
	source := hsm.PINFromFD(uintptr(fd))
	for range 2 {
		pin, err := source()
		if err != nil || string(pin.Reveal()) != "1234" {
			t.Fatalf("%q, %v", pin.Reveal(), err)
		}
		pin.Wipe()
	}
}

func TestAPINFromASystemdCredential(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "token-pin"), "1234\n", 0o440)
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	pin, err := hsm.PINFromCredential("token-pin")()
	if err != nil || string(pin.Reveal()) != "1234" {
		t.Errorf("%q, %v", pin.Reveal(), err)
	}
	for _, name := range []string{"../token-pin", "", "..", "other"} {
		if _, err := hsm.PINFromCredential(name)(); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := hsm.PINFromCredential("token-pin")(); err == nil || !strings.Contains(err.Error(), "LoadCredential=token-pin") {
		t.Errorf("got %v", err)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	_ = os.Remove(path)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
