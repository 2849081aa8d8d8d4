// Package load has no code of its own: its tests put a whole Keyhold, in a process of its own and on a SoftHSM token in
// memory, under more load than it can bear, and under attack.
//
// They are measures of the server on a machine that the attacker shares with it. So attacks come at bounded rates, and
// what a healthy client finds is compared with what it found in the same run without the attack.
package load

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyhold/keyhold/cli"
	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/softhsm"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

const (
	// asKeyhold tells a process of the test binary that it is the program.
	asKeyhold = "KEYHOLD_TEST_AS_KEYHOLD"
	// fullVariable asks for the attacks in full and for longer measures: make load sets it.
	fullVariable = "KEYHOLD_LOAD"

	here   = "444455556666" // the directory's account
	region = "eu-central-1"
	pin    = "9-token-pin-9"
	// soon is how long is waited for what takes a moment: machines that test are slow.
	soon = 60 * time.Second
)

// full is whether everything is asked for.
var full = os.Getenv(fullVariable) != ""

func TestMain(m *testing.M) {
	if os.Getenv(asKeyhold) != "" {
		os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// inFull is the first number in make load, and the second in make test.
func inFull[T any](all, short T) T {
	if full {
		return all
	}
	return short
}

// site is a data directory on a SoftHSM token of its own.
type site struct {
	t         *testing.T
	dir, data string
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-load-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &site{t: t, dir: dir, data: filepath.Join(dir, "data")}
	home, err := softhsm.Prepare(filepath.Join(dir, "hsm"))
	if err == nil {
		err = hsm.InitToken(t.Context(), hsm.NewToken{Module: home.Module, Env: home.Env(), Label: "load",
			SOPIN: secret.New([]byte(pin)), PIN: secret.New([]byte(pin))})
	}
	pinFile := filepath.Join(dir, "pin")
	if err := errors.Join(err, os.WriteFile(pinFile, []byte(pin), 0o600)); err != nil {
		t.Fatal(err)
	}
	s.run("init", "--account", here, "--region", region, "--token-label", "load", "--pin-file", pinFile,
		"--module-env", "SOFTHSM2_CONF="+home.Conf)
	s.edit(func(c *configs.Config) { c.Server.Listen, c.Server.Admin = "127.0.0.1:0", "127.0.0.1:0" })
	return s
}

// edit changes the configuration.
func (s *site) edit(change func(*configs.Config)) {
	s.t.Helper()
	path := filepath.Join(s.data, "keyhold.yaml")
	config, err := configs.Load(path)
	if err != nil {
		s.t.Fatal(err)
	}
	change(&config)
	if err := errors.Join(os.Remove(path), configs.Write(path, config)); err != nil {
		s.t.Fatal(err)
	}
}

// faulty puts the fault module in front of the token.
func (s *site) faulty() *faultp11.Control {
	s.t.Helper()
	module, err := softhsm.Find()
	if err != nil {
		s.t.Fatal(err)
	}
	control, err := faultp11.New(s.dir, module, faultp11.Transparent)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = control.Close() })
	s.edit(func(c *configs.Config) {
		c.Module.Path = control.Module
		for name, value := range control.Env() {
			c.Module.Env[name] = value
		}
	})
	return control
}

// program is this test, as keyhold.
func (s *site) program(args ...string) *exec.Cmd {
	s.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), asKeyhold+"=1", "KEYHOLD_DATA="+s.data, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// run runs a command that must succeed, and answers its output.
func (s *site) run(args ...string) []byte {
	s.t.Helper()
	cmd := s.program(args...)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("keyhold %v: %v: %s\n%s", args, err, talk.String(), out)
	}
	return out
}

// user makes a user who may do everything in an account.
func (s *site) user(account, name string) sigv4.Credentials {
	s.t.Helper()
	s.run("--account", account, "principal", "create", "user", name, "--administrator")
	var key struct{ AccessKeyId, SecretAccessKey string }
	if err := json.Unmarshal(s.run("--account", account, "access-key", "create", name, "-o", "json"), &key); err != nil {
		s.t.Fatal(err)
	}
	return sigv4.Credentials{AccessKeyID: key.AccessKeyId, SecretAccessKey: []byte(key.SecretAccessKey)}
}

// server is a running keyhold serve.
type server struct {
	t          *testing.T
	cmd        *exec.Cmd
	url, admin string
	trust      *tls.Config   // nil: plain HTTP
	exit       chan struct{} // closed when it has ended
	talk       tail
}

// serve starts a server and waits until it is ready.
func (s *site) serve() *server {
	s.t.Helper()
	v := &server{t: s.t, cmd: s.program("serve"), exit: make(chan struct{})}
	stderr, err := v.cmd.StderrPipe()
	if err == nil {
		err = v.cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		v.listen(stderr, ready)
		_ = v.cmd.Wait() // its state says it
		close(v.exit)
	}()
	s.t.Cleanup(func() {
		_ = v.cmd.Process.Kill() // unless it has ended
		<-v.exit
	})
	select {
	case v.url = <-ready:
	case <-v.exit:
		s.t.Fatalf("it ended: %s", &v.talk)
	case <-time.After(soon):
		s.t.Fatalf("it does not serve: %s", &v.talk)
	}
	return v
}

// listen keeps the last of what the server says, and finds the addresses.
func (v *server) listen(stderr io.Reader, ready chan<- string) {
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		v.talk.add(lines.Text())
		if _, url, ok := strings.Cut(lines.Text(), "health and metrics are on "); ok {
			v.admin = url
		}
		if _, url, ok := strings.Cut(lines.Text(), "ready: serving on "); ok {
			url, _, _ = strings.Cut(url, ". ")
			ready <- url
		}
	}
}

// address is where it listens.
func (v *server) address() string { return v.url[strings.LastIndex(v.url, "/")+1:] }

// stop ends the server as systemd does; it must come to a good end.
func (v *server) stop() {
	v.t.Helper()
	if err := v.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		v.t.Fatal(err)
	}
	select {
	case <-v.exit:
	case <-time.After(soon):
		v.t.Fatalf("it does not end: %s", &v.talk)
	}
	if code := v.cmd.ProcessState.ExitCode(); code != 0 {
		v.t.Errorf("it ended with %d: %s", code, &v.talk)
	}
}
