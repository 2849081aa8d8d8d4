// Package hsmtest makes disposable SoftHSM2 tokens for tests. All tokens of a test process live in one SoftHSM home,
// because a library has one instance in a process and reads its configuration only when it is initialised.
package hsmtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/softhsm"
)

// PIN is the user PIN of every test token.
const PIN = "test-user-pin"

const soPIN = "test-so-pin"

// Token is a fresh token that nothing has opened yet.
type Token struct {
	Module string
	Env    map[string]string
	Label  string
	Dir    string // the SoftHSM home that all tokens of the process share
}

// processHome is the SoftHSM home of the process, and what keeps it there: the directory goes when standing closes.
type processHome struct {
	softhsm.Home
	standing *os.File
}

// home is made once for the process.
var home = sync.OnceValues(func() (processHome, error) {
	dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-hsmtest-")
	if err != nil {
		return processHome{}, err
	}
	h, err := softhsm.Prepare(dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		return processHome{}, err
	}
	standing, err := removeAtExit(dir)
	return processHome{h, standing}, err
})

// removeAtExit has a shell wait for the end of this process and remove the directory: tests end in ways that run no
// code of ours. The shell reads the other end of the pipe that is returned, which closes with the process.
func removeAtExit(dir string) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", `cat >/dev/null; rm -rf -- "$1"`, "sh", dir)
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

var made atomic.Int64

// New makes a fresh token. A missing SoftHSM2 fails the test, with the command that installs it: a test that was
// skipped proves nothing.
func New(tb testing.TB) Token {
	tb.Helper()
	h, err := home()
	if err != nil {
		tb.Fatalf("prepare SoftHSM2: %v", err)
	}
	t := Token{Module: h.Module, Env: h.Env(), Dir: h.Dir, Label: fmt.Sprintf("keyhold-test-%d", made.Add(1))}
	err = hsm.InitToken(context.Background(), hsm.NewToken{
		Module: t.Module, Env: t.Env, Label: t.Label,
		SOPIN: secret.New([]byte(soPIN)), PIN: secret.New([]byte(PIN)),
	})
	if err != nil {
		tb.Fatalf("make a token: %v", err)
	}
	return t
}

// Config opens the token with a small pool and the right PIN.
func (t Token) Config() hsm.Config {
	return hsm.Config{Module: t.Module, Env: t.Env, Label: t.Label, PIN: PINSource(PIN)}
}

// Open opens the token and closes it with the test.
func (t Token) Open(tb testing.TB) *hsm.Token {
	tb.Helper()
	return Open(tb, t.Config())
}

// Open opens a token by cfg and closes it with the test.
func Open(tb testing.TB, cfg hsm.Config) *hsm.Token {
	tb.Helper()
	tok, err := hsm.Open(context.Background(), cfg)
	if err != nil {
		tb.Fatalf("open the token: %v", err)
	}
	tb.Cleanup(func() {
		if err := tok.Close(); err != nil {
			tb.Errorf("close the token: %v", err)
		}
	})
	return tok
}

// PINSource gives pin at each login.
func PINSource(pin string) hsm.PINSource {
	return func() (secret.Bytes, error) { return secret.New([]byte(pin)), nil }
}

// ObjectFiles lists the object files of all tokens of the process, to destroy or to count.
func (t Token) ObjectFiles(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(t.Dir, "tokens", "*", "*.object"))
	if err != nil {
		tb.Fatal(err)
	}
	var objects []string
	for _, f := range files {
		if !strings.HasSuffix(f, "token.object") {
			objects = append(objects, f)
		}
	}
	return objects
}
