package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/softhsm"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

const (
	serveRegion = "eu-central-1"
	// soon is how long is waited for what takes a moment: machines that test are slow.
	soon = 60 * time.Second
)

// home is a lasting data directory on a SoftHSM token of its own, with an administrator.
type home struct {
	t           *testing.T
	dir, data   string
	credentials sigv4.Credentials
}

func newHome(t *testing.T) *home {
	t.Helper()
	dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-serve-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	h := &home{t: t, dir: dir, data: filepath.Join(dir, "data")}
	pin, token := filepath.Join(dir, "pin"), filepath.Join(dir, "hsm")
	if err := errors.Join(os.WriteFile(pin, []byte("9-token-pin-9"), 0o600), makeToken([]string{token, "served", pin})); err != nil {
		t.Fatal(err)
	}
	h.run("init", "--account", "444455556666", "--region", serveRegion, "--token-label", "served", "--pin-file", pin,
		"--module-env", "SOFTHSM2_CONF="+filepath.Join(token, "softhsm2.conf"))
	h.edit(func(c *configs.Config) { c.Server.Listen, c.Server.Admin = "127.0.0.1:0", "127.0.0.1:0" })
	h.run("principal", "create", "user", "admin", "--administrator")
	h.credentials = h.accessKey("admin")
	return h
}

// accessKey makes an access key of a user.
func (h *home) accessKey(user string) sigv4.Credentials {
	h.t.Helper()
	var key struct{ AccessKeyId, SecretAccessKey string }
	if err := json.Unmarshal(h.run("access-key", "create", user, "-o", "json"), &key); err != nil {
		h.t.Fatal(err)
	}
	return sigv4.Credentials{AccessKeyID: key.AccessKeyId, SecretAccessKey: []byte(key.SecretAccessKey)}
}

// createKey makes a key and answers its id.
func (h *home) createKey() string {
	h.t.Helper()
	var made struct{ KeyMetadata struct{ KeyId string } }
	if err := json.Unmarshal(h.run("key", "create", "-o", "json"), &made); err != nil {
		h.t.Fatal(err)
	}
	return made.KeyMetadata.KeyId
}

// edit changes the configuration.
func (h *home) edit(change func(*configs.Config)) {
	h.t.Helper()
	path := filepath.Join(h.data, "keyhold.yaml")
	config, err := configs.Load(path)
	if err != nil {
		h.t.Fatal(err)
	}
	change(&config)
	if err := errors.Join(os.Remove(path), configs.Write(path, config)); err != nil {
		h.t.Fatal(err)
	}
}

// faulty puts the fault module in front of the token.
func (h *home) faulty() *faultp11.Control {
	h.t.Helper()
	module, err := softhsm.Find()
	if err != nil {
		h.t.Fatal(err)
	}
	control, err := faultp11.New(h.dir, module, faultp11.Transparent)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = control.Close() })
	h.edit(func(c *configs.Config) {
		c.Module.Path = control.Module
		for name, value := range control.Env() {
			c.Module.Env[name] = value
		}
	})
	return control
}

// program is this test, as keyhold.
func program(t *testing.T, data string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), asKeyhold+"=1", "KEYHOLD_DATA="+data, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// run runs a command that must succeed, and answers its output.
func (h *home) run(args ...string) []byte {
	h.t.Helper()
	cmd := program(h.t, h.data, args...)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("keyhold %v: %v: %s\n%s", args, err, talk.String(), out)
	}
	return out
}

// server is a running keyhold serve, or keyhold dev.
type server struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	admin  string
	client *http.Client
	exit   chan struct{} // closed when it has ended

	mu   sync.Mutex
	talk strings.Builder
}

// start starts a server and waits until it says where it serves.
func start(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{t: t, cmd: cmd, exit: make(chan struct{}), client: &http.Client{Timeout: soon, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		s.listen(stderr, ready)
		_ = cmd.Wait() // its state says it
		close(s.exit)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // unless it has ended
		<-s.exit
		s.client.CloseIdleConnections()
	})
	select {
	case s.url = <-ready:
	case <-s.exit:
		t.Fatalf("it ended: %s", s.said())
	case <-time.After(soon):
		t.Fatalf("it does not serve: %s", s.said())
	}
	return s
}

// listen keeps what the server says, and finds the addresses.
func (s *server) listen(stderr io.Reader, ready chan<- string) {
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		s.mu.Lock()
		s.talk.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		if _, url, ok := strings.Cut(lines.Text(), "health and metrics are on "); ok {
			s.admin = url
		}
		if _, url, ok := strings.Cut(lines.Text(), "ready: serving on "); ok {
			url, _, _ = strings.Cut(url, ". ")
			ready <- url
		}
	}
}

func (s *server) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.talk.String()
}

// ends waits for the end and answers the exit code.
func (s *server) ends() int {
	s.t.Helper()
	select {
	case <-s.exit:
	case <-time.After(soon):
		s.t.Fatalf("it does not end: %s", s.said())
	}
	return s.cmd.ProcessState.ExitCode()
}

// stop ends the server as systemd does; it must come to a good end.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if code := s.ends(); code != 0 {
		s.t.Errorf("it ended with %d: %s", code, s.said())
	}
}

// serve starts keyhold serve.
func (h *home) serve() *server {
	h.t.Helper()
	return start(h.t, program(h.t, h.data, "serve"))
}

// answer is what came back.
type answer struct {
	status int
	id     string // of the request
	body   map[string]any
}

func (a answer) errorName() string {
	name, _ := a.body["__type"].(string)
	return name
}

func (a answer) text(name string) string {
	text, _ := a.body[name].(string)
	return text
}

// send signs and sends one request; the error is that no answer came.
func (s *server) send(ctx context.Context, who sigv4.Credentials, region, operation, body string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/", nil)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "TrentService."+operation)
	if r, err = (sigv4.Signer{Credentials: who, Region: region, Service: "kms"}).Sign(r, []byte(body), time.Now()); err != nil {
		return answer{}, err
	}
	return s.do(r)
}

func (s *server) do(r *http.Request) (answer, error) {
	response, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, id: response.Header.Get("X-Amzn-Requestid"), body: map[string]any{}}
	if a.id == "" {
		return a, fmt.Errorf("the answer has no request id: %s", text)
	}
	if len(text) == 0 {
		return a, nil
	}
	return a, json.Unmarshal(text, &a.body)
}

// call is send for a request that must succeed.
func (s *server) call(who sigv4.Credentials, operation, body string) answer {
	s.t.Helper()
	a, err := s.send(s.t.Context(), who, serveRegion, operation, body)
	if err != nil || a.status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %v, %v\n%s", operation, body, a.status, a.body, err, s.said())
	}
	return a
}

// look asks the admin listener.
func (s *server) look(path string) (int, string) {
	s.t.Helper()
	response, err := s.client.Get(s.admin + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// await waits until readiness has the status, and answers what it says then.
func (s *server) await(status int) string {
	s.t.Helper()
	return s.awaitReport(status, func(readiness) bool { return true })
}

// readiness is what the server says about whether it is ready.
type readiness struct {
	Checks []struct {
		Name, Reason string
		OK           bool
		AgeSeconds   float64
	}
}

// onlyTokenFails tells whether all looks but the token's are well, and only that one has a reason, which is answered.
func (r readiness) onlyTokenFails() (reason string, age float64, is bool) {
	is = true
	for _, c := range r.Checks {
		is = is && c.OK == (c.Name != "token") && c.OK == (c.Reason == "")
		if c.Name == "token" {
			reason, age = c.Reason, c.AgeSeconds
		}
	}
	return reason, age, is
}

// awaitReport waits until readiness has the status and is what is wanted besides: on a machine that is held up, looks that
// are well are late now and then.
func (s *server) awaitReport(status int, wanted func(readiness) bool) string {
	s.t.Helper()
	for end := time.Now().Add(soon); ; time.Sleep(20 * time.Millisecond) {
		code, text := s.look("/readyz")
		var r readiness
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			s.t.Fatalf("readiness is %d %s: %v", code, text, err)
		}
		if code == status && wanted(r) {
			return text
		}
		if time.Now().After(end) {
			s.t.Fatalf("readiness is %d %s, want %d\n%s", code, text, status, s.said())
		}
	}
}
