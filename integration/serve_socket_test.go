package integration

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/softhsm"
)

// TestOperationsThroughTheSocket runs the script of every operation while a server has the directory: the commands find
// it, and answer as they do alone. Scripts that tamper with the directory's files, or look at the token themselves, are
// left out.
func TestOperationsThroughTheSocket(t *testing.T) {
	throughServer(t, 3, 0, func(script string) bool { return !touchesFiles(script) }, serveScript)
}

// throughServer runs some of the scripts of operations that fit, as someScripts shares them out. setup begins their server.
func throughServer(t *testing.T, share, turn int, fits func(script string) bool, setup func(*testscript.Env) error) {
	t.Helper()
	root, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-served-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	var files []string
	for _, file := range operationScripts(kms.KMS, kms.STS, kms.Keyhold) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if fits(string(text)) {
			files = append(files, file)
		}
	}
	if len(files) < 40 {
		t.Errorf("only %d scripts: %v", len(files), files)
	}
	testscript.Run(t, testscript.Params{
		Files: someScripts(files, share, turn), WorkdirRoot: root, RequireUniqueNames: true, RequireExplicitExec: true, Cmds: scriptCommands(),
		Setup: func(env *testscript.Env) error {
			if err := scriptSetup(env); err != nil {
				return err
			}
			return setup(env)
		},
	})
}

// touchesFiles tells a script that does more than ask, or counts principals, of which a server's administrator is one.
func touchesFiles(script string) bool {
	for _, what := range []string{
		"\nsql ", "\nedit ", "\nobjects ", "\nhold", "\nhalve ", "\nrm ", "keyhold doctor", "keyhold hsm", "audit/", "--config",
		"keyhold dev --", "--data", "Principals '#'",
	} {
		if strings.Contains(script, what) {
			return true
		}
	}
	return false
}

// serveScript has keyhold serve the directory of a script until it ends.
func serveScript(env *testscript.Env) error {
	var exe string
	for _, dir := range filepath.SplitList(env.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, "keyhold")); err == nil && exe == "" {
			exe = filepath.Join(dir, "keyhold")
		}
	}
	cmd := exec.Command(exe, "dev", "--listen", "127.0.0.1:0")
	cmd.Env, cmd.Dir = env.Vars, env.WorkDir
	s := &server{cmd: cmd, exit: make(chan struct{})}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ready := make(chan string, 1)
	go func() {
		s.listen(stderr, ready)
		_ = cmd.Wait() // its state says it
		close(s.exit)
	}()
	env.Defer(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // unless it has ended
		<-s.exit
	})
	select {
	case <-ready:
		return nil
	case <-s.exit:
		return errors.New(s.said())
	}
}

// Whoever can open the socket is the owner of the directory or root; nobody else can, and there is no other way in.
func TestTheSocketIsForTheOwnerAlone(t *testing.T) {
	h := newHome(t)
	s := h.serve()
	path := filepath.Join(h.data, "keyhold.sock")
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Fatalf("mode %v, error %v", info.Mode(), err)
	}
	if out := h.run("call", "GetCallerIdentity"); !bytes.Contains(out, []byte("arn:aws:iam::444455556666:root")) {
		t.Errorf("the owner is %s", out)
	}
	past := s.call(h.credentials, "ListKeys", "{}")
	if out := h.run("policy", "explain", "--request", past.id); !bytes.Contains(out, []byte("ListKeys")) || !bytes.Contains(out, []byte("user/admin")) {
		t.Errorf("of a request that the server has answered it knows: %s", out)
	}
	if code, talk := keyhold(t, h.data, "hsm", "inventory"); code != 1 || !strings.Contains(talk, "a server has the data directory") || !strings.Contains(talk, "stop the server first") {
		t.Errorf("%d: %s", code, talk)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	for _, target := range []string{"", "TrentService.MakeCoffee", "Keyhold.ListKeys", "TrentService.ListPrincipals"} {
		r, err := http.NewRequest(http.MethodPost, "http://keyhold/", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", target)
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusBadRequest || !bytes.Contains(text, []byte("UnknownOperationException")) {
			t.Errorf("%q: %d %s %v", target, response.StatusCode, text, err)
		}
	}
	if os.Geteuid() == 0 {
		// Another user gets no answer even where the file's mode would let it in.
		if err := errors.Join(os.Chmod(path, 0o666), os.Chmod(h.data, 0o755), os.Chmod(h.dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("curl", "-sS", "--max-time", "10", "--unix-socket", path, "-H", "X-Amz-Target: TrentService.ListKeys", "-d", "{}", "http://keyhold/")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, err := cmd.CombinedOutput(); err == nil || bytes.Contains(out, []byte("Keys")) {
			t.Errorf("another user was answered %s, %v", out, err)
		}
		if err := os.Chmod(h.data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.stop()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}
