// Package tokens proves Keyhold against PKCS #11 tokens other than SoftHSM2: libraries that must be refused, each for
// its own reason, and the ways of vendors' tokens, acted out in front of SoftHSM2. Each test has a process of its own,
// because a library has one instance in a process and a bad one can end it.
package tokens

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/softhsm"
)

const childEnv = "KEYHOLD_TOKENS_TEST_CHILD"

// inChild runs the calling test in a process of its own and answers true in the parent, which has nothing left to do.
func inChild(t *testing.T, apart *syscall.SysProcAttr) (parent bool) {
	t.Helper()
	if os.Getenv(childEnv) == t.Name() {
		return false
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=5m"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), childEnv+"="+t.Name())
	cmd.SysProcAttr = apart
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Fatalf("the child did not run the test:\n%s", out)
	}
	return true
}

// newDir is a private directory on quick storage.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-tokens-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// tool is the path of a program. Without it the test fails and says what to install: a test that was skipped proves
// nothing.
func tool(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	t.Fatalf("%s is not installed; on Debian and Ubuntu: apt-get install %s (.ci/deps test does it)", name, pkg)
	return ""
}

// library is the first file that one of the patterns finds below the usual library directories.
func library(t *testing.T, pkg string, names ...string) string {
	t.Helper()
	for _, dir := range []string{"/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib", "/lib/*-linux-gnu"} {
		for _, name := range names {
			if found, _ := filepath.Glob(filepath.Join(dir, name)); len(found) > 0 {
				return found[0]
			}
		}
	}
	t.Fatalf("%s is not installed; on Debian and Ubuntu: apt-get install %s (.ci/deps test does it)", names[0], pkg)
	return ""
}

func run(t *testing.T, input, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func pinOf(pin string) hsm.PINSource {
	return func() (secret.Bytes, error) { return secret.New([]byte(pin)), nil }
}

func probe(t *testing.T, cfg hsm.Config) hsm.Report {
	t.Helper()
	r, err := hsm.Probe(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checked is the self-test of a report by a part of its name.
func checked(t *testing.T, r hsm.Report, part string) hsm.Check {
	t.Helper()
	for _, c := range r.Checks {
		if strings.Contains(c.Name, part) {
			return c
		}
	}
	t.Fatalf("no self-test is called %q; problem %q", part, r.Problem)
	return hsm.Check{}
}
