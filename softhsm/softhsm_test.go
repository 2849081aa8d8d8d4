package softhsm_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/softhsm"
)

func TestFindHonoursTheOverride(t *testing.T) {
	lib := filepath.Join(t.TempDir(), "lib.so")
	if err := os.WriteFile(lib, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(softhsm.ModuleEnv, lib)
	got, err := softhsm.Find()
	if err != nil || got != lib {
		t.Fatalf("Find = %q, %v; want %q", got, err, lib)
	}
}

func TestAnOverrideThatNamesNothingIsNotInstalled(t *testing.T) {
	t.Setenv(softhsm.ModuleEnv, "/nowhere/lib.so")
	_, err := softhsm.Find()
	if !errors.Is(err, softhsm.ErrNotInstalled) || !strings.Contains(err.Error(), "/nowhere/lib.so") {
		t.Fatalf("got %v", err)
	}
}

func TestPrepareMakesAPrivateHomeAndKeepsIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	h, err := softhsm.Prepare(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantMode(t, h.Conf, 0o600)
	wantMode(t, filepath.Join(dir, "tokens"), 0o700|os.ModeDir)
	text, err := os.ReadFile(h.Conf)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"directories.tokendir = " + filepath.Join(h.Dir, "tokens"), "objectstore.backend = file", "slots.removable = false"} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("softhsm2.conf lacks %q:\n%s", line, text)
		}
	}
	if err := os.WriteFile(h.Conf, []byte("# mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := softhsm.Prepare(dir)
	if err != nil || again != h {
		t.Fatalf("second Prepare = %+v, %v", again, err)
	}
	if text, _ := os.ReadFile(h.Conf); string(text) != "# mine\n" {
		t.Error("an existing softhsm2.conf was overwritten")
	}
	if h.Env()["SOFTHSM2_CONF"] != h.Conf {
		t.Error("Env does not name the configuration")
	}
}

func TestPrepareRefusesADirectoryThatTheConfigurationCannotHold(t *testing.T) {
	if _, err := softhsm.Prepare(filepath.Join(t.TempDir(), "a#b")); err == nil {
		t.Error("a directory with # was accepted")
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != want {
		t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
	}
}
