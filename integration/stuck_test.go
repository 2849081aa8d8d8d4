package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/softhsm"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

// asKeyhold tells a process of the test binary that it is the program.
const asKeyhold = "KEYHOLD_TEST_AS_KEYHOLD"

// keyhold runs the program in a process of its own and returns its exit code and what it says.
func keyhold(t *testing.T, data string, args ...string) (int, string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), asKeyhold+"=1", "KEYHOLD_DATA="+data, "GORACE=atexit_sleep_ms=0")
	talk, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(talk)
}

// A token whose calls do not return cannot be healed from inside the process. Exit code 75 tells a supervisor to start
// a new one, and only when as many calls hang as the configuration allows.
func TestAProcessWhoseTokenHangsGivesUpAtTheLimitAndSaysSo(t *testing.T) {
	dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-stuck-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	data := filepath.Join(dir, "data")
	if code, talk := keyhold(t, data, "dev"); code != 0 {
		t.Fatalf("dev: %d: %s", code, talk)
	}
	if code, talk := keyhold(t, data, "key", "create", "--alias", "app"); code != 0 {
		t.Fatalf("key create: %d: %s", code, talk)
	}
	module, err := softhsm.Find()
	if err != nil {
		t.Fatal(err)
	}
	control, err := faultp11.New(dir, module, faultp11.Transparent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = control.Close() })
	path := filepath.Join(data, "keyhold.yaml")
	config, err := configs.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	config.Module.Path = control.Module
	for name, value := range control.Env() {
		config.Module.Env[name] = value
	}
	config.Token.CallTimeout = 4 * time.Second // what a healthy module never needs, however busy the machine is
	for limit, want := range map[int]int{1: 75, 0: 1} {
		config.Token.StuckLimit = limit
		if err := errors.Join(os.Remove(path), configs.Write(path, config)); err != nil {
			t.Fatal(err)
		}
		if code, talk := keyhold(t, data, "random", "8", "--base64"); code != 0 {
			t.Fatalf("random through a healthy module: %d: %s", code, talk)
		}
		control.Hang(faultp11.GenerateRandom, 0)
		code, talk := keyhold(t, data, "random", "8", "--base64")
		control.Clear()
		if code != want || !strings.Contains(talk, "KeyUnavailableException") {
			t.Errorf("with a limit of %d it ends with %d, want %d: %s", limit, code, want, talk)
		}
	}
}
