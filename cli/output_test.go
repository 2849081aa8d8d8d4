package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnOutputFileIsPrivateAndComplete(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	if err := writeFile(path, []byte("one"), false); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if err := writeFile(path, []byte("two"), false); err == nil || err.Error() != path+" exists" {
		t.Errorf("a file that exists: %v", err)
	}
	wantFile(t, path, "one")
	if err := writeFile(path, []byte("three"), true); err != nil {
		t.Errorf("with force: %v", err)
	}
	wantFile(t, path, "three")
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v: want the file alone", entries, err)
	}
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v, want %q", path, got, err, want)
	}
}

func TestAnOutputThatCannotBeMadeIsRefusedBeforehand(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		sink sink
		want string
	}{
		"a new file":                    {sink{file: filepath.Join(dir, "new")}, ""},
		"the standard output":           {sink{}, ""},
		"a file that exists":            {sink{file: file}, "exists"},
		"one to replace":                {sink{file: file, force: true}, ""},
		"a link":                        {sink{file: link, force: true}, "is not a regular file"},
		"a directory":                   {sink{file: dir, force: true}, "is not a regular file"},
		"a device":                      {sink{file: os.DevNull, force: true}, "is not a regular file"},
		"a directory that is not there": {sink{file: filepath.Join(dir, "no", "new")}, "there is no directory"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.sink.vacant()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestATerminalHasAWindow(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	if !isTerminal(terminal) || isTerminal(new(bytes.Buffer)) {
		t.Errorf("terminal %t, buffer %t", isTerminal(terminal), isTerminal(new(bytes.Buffer)))
	}
	for _, name := range []string{os.DevNull, "/dev/full", "/dev/zero"} {
		device, err := os.OpenFile(name, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue // not every system has each
		}
		if err != nil {
			t.Fatal(err)
		}
		if isTerminal(device) {
			t.Errorf("%s is taken for a terminal", name)
		}
		if err := device.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, tc := range map[string]struct {
		sink    sink
		octets  string
		refused bool
	}{
		"octets":                  {sink{}, "\x00\x01", true},
		"octets as base64":        {sink{base64: true}, "\x00\x01", false},
		"text that is no secret":  {sink{}, "abc", true},
		"text of a decryption":    {sink{text: true}, "grüße\n\tabc", false},
		"octets of a decryption":  {sink{text: true}, "\xff\xfe", true},
		"an escape sequence":      {sink{text: true}, "\x1b[31mred", true},
		"a replacement character": {sink{text: true}, "\uFFFD", true},
		"nothing of a decryption": {sink{text: true}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			tc.sink.p = &program{out: terminal}
			err := tc.sink.write([]byte(tc.octets))
			if tc.refused != (err != nil) {
				t.Errorf("got %v, want refused %t", err, tc.refused)
			}
			if err != nil && !strings.Contains(adviceFor(err), "--out") {
				t.Errorf("the refusal %q names no way out", err)
			}
		})
	}
}

func TestBase64EndsItsLine(t *testing.T) {
	var out bytes.Buffer
	if err := (sink{p: &program{out: &out}, base64: true}).write([]byte{0xfb, 0xff}); err != nil || out.String() != "+/8=\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := (sink{file: path, base64: true}).write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "AA==\n")
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, fs.ErrClosed }

func TestAnOutputThatFailsIsAnError(t *testing.T) {
	p := &program{out: brokenWriter{}}
	if err := p.print([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("print: %v", err)
	}
	if err := p.table(func(t *table) { t.row("a", "b") }); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("table: %v", err)
	}
}

func TestATableShowsNoControlCharacters(t *testing.T) {
	var out bytes.Buffer
	err := writeTable(&out, func(t *table) {
		t.row("NAME", "VALUE")
		t.row("tab\there", "grüße")
		t.row("\x1b[31m", "line\nbreak")
		t.fact("absent", "")
	})
	want := "NAME         VALUE\n\"tab\\there\"  grüße\n\"\\x1b[31m\"   \"line\\nbreak\"\n"
	if err != nil || out.String() != want {
		t.Errorf("got\n%q, %v, want\n%q", out.String(), err, want)
	}
}
