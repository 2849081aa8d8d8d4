package integration

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/sigv4"
)

// buildWithFIPS builds the program as make build FIPS=1 does, with the module that make fips names, or else with the
// toolchain's own, for which nothing has to be compiled again. Race detector and tags are those of this test.
func buildWithFIPS(t *testing.T) (path, module string) {
	t.Helper()
	module = os.Getenv("KEYHOLD_TEST_FIPS")
	if module == "" {
		module = "latest"
	}
	path = filepath.Join(t.TempDir(), "keyhold")
	args := []string{"build", "-buildvcs=false", "-o", path}
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if slices.Contains([]string{"-race", "-tags"}, s.Key) {
			args = append(args, s.Key+"="+s.Value)
		}
	}
	cmd := exec.Command("go", append(args, "github.com/keyhold/keyhold")...)
	cmd.Env = append(os.Environ(), "GOFIPS140="+module)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", cmd, err, out)
	}
	return path, module
}

// fipsProgram is a program that was built with a FIPS 140-3 module, as it is run in a mode.
type fipsProgram struct {
	t                  *testing.T
	path, mode, module string
}

// command is keyhold with args. The mode "on" is the program's own default.
func (p fipsProgram) command(data string, args ...string) *exec.Cmd {
	cmd := program(p.t, data, args...)
	cmd.Path, cmd.Args[0] = p.path, p.path
	if p.mode != "on" {
		cmd.Env = append(cmd.Env, "GODEBUG=fips140="+p.mode)
	}
	return cmd
}

// says runs a command that must succeed, and answers what it prints.
func (p fipsProgram) says(data, input string, args ...string) string {
	p.t.Helper()
	cmd := p.command(data, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("keyhold %v: %v: %s", args, err, out)
	}
	return string(out)
}

func TestEverythingWorksInFIPSMode(t *testing.T) {
	path, module := buildWithFIPS(t)
	for _, mode := range []string{"on", "only"} {
		t.Run(mode, func(t *testing.T) {
			p := fipsProgram{t, path, mode, module}
			p.tellsItsMode()
			p.encrypts()
			p.serves()
			if mode == "only" {
				p.refusesShortSecrets()
			}
		})
	}
}

// The certified module is chosen when nobody asks for another.
func TestMakeBuildsWithTheFIPSModule(t *testing.T) {
	for args, want := range map[string]string{
		"": "", "FIPS=0": "", "FIPS=1": "GOFIPS140=certified go build ", "FIPS=inprocess": "GOFIPS140=inprocess go build ",
	} {
		cmd := exec.Command("make", append([]string{"-C", "..", "-n", "build", "GO=go", "VERSION=x"}, strings.Fields(args)...)...)
		cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "\n"+want+"go build -trimpath") && !strings.Contains(string(out), "\n"+want+"-trimpath") {
			t.Errorf("make build %s: %v: %s", args, err, out)
		}
	}
}

func (p fipsProgram) tellsItsMode() {
	p.t.Helper()
	var v struct{ FIPS140 struct{ Mode, Module string } }
	if err := json.Unmarshal([]byte(p.says("", "", "version", "-o", "json")), &v); err != nil {
		p.t.Fatal(err)
	}
	// A name such as certified stands for a version.
	if v.FIPS140.Mode != p.mode || v.FIPS140.Module == "" || p.module == "latest" && v.FIPS140.Module != p.module {
		p.t.Errorf("the version tells of %+v, want mode %s of %s", v.FIPS140, p.mode, p.module)
	}
}

// encrypts goes through the commands of a throw-away directory.
func (p fipsProgram) encrypts() {
	p.t.Helper()
	data := filepath.Join(p.t.TempDir(), "dev")
	p.says(data, "", "dev")
	p.says(data, "", "key", "create", "--alias", "app")
	sealed := p.says(data, "orders", "encrypt", "alias/app", "-", "--base64")
	if opened := p.says(data, sealed, "decrypt", "-", "--base64"); opened != "b3JkZXJz\n" {
		p.t.Errorf("it opened to %q", opened)
	}
	if said := p.says(data, "", "doctor"); !strings.Contains(said, "FIPS 140-3 mode "+p.mode+", Go Cryptographic Module ") {
		p.t.Errorf("the doctor does not tell the mode: %s", said)
	}
}

// serves goes through TLS, signatures, the token, and a role's session, whose token the process itself seals.
func (p fipsProgram) serves() {
	t := p.t
	h := newHome(t)
	files, pool := certificate(t, h.dir)
	h.edit(func(c *configs.Config) { c.Server.Listen, c.Server.TLS = "0.0.0.0:0", files })
	h.run("principal", "create", "role", "night", "--administrator", "--trust", h.write("trust.json",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"sts:AssumeRole"}]}`))
	var session struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	if err := json.Unmarshal([]byte(p.says(h.data, "", "access-key", "session", "--role", "night")), &session); err != nil {
		t.Fatal(err)
	}
	s := start(t, p.command(h.data, "serve"))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "https://"))
	if err != nil {
		t.Fatalf("%q: %v", s.url, err)
	}
	s.url = "https://127.0.0.1:" + port
	s.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	key := s.call(h.credentials, "CreateKey", "{}").body["KeyMetadata"].(map[string]any)["KeyId"].(string)
	sealed := s.call(h.credentials, "Encrypt", `{"KeyId": "`+key+`", "Plaintext": "b3JkZXJz"}`)
	role := sigv4.Credentials{AccessKeyID: session.AccessKeyId, SecretAccessKey: []byte(session.SecretAccessKey), SessionToken: session.SessionToken}
	if opened := s.call(role, "Decrypt", `{"CiphertextBlob": "`+sealed.text("CiphertextBlob")+`"}`); opened.text("Plaintext") != "b3JkZXJz" {
		t.Errorf("it opened to %v", opened.body)
	}
	s.stop()
	if !strings.Contains(s.said(), `"msg":"starting"`) || !strings.Contains(s.said(), `"fips140":"`+p.mode+`"`) {
		t.Errorf("the log does not tell the mode: %s", s.said())
	}
}

// refusesShortSecrets: HMAC with them is what the mode only forbids, and panics over.
func (p fipsProgram) refusesShortSecrets() {
	p.t.Helper()
	cmd := p.command(filepath.Join(p.t.TempDir(), "dev"), "dev", "--listen", "127.0.0.1:0")
	cmd.Env = append(cmd.Env, "KEYHOLD_DEV_ACCESS_KEY_ID=dev", "KEYHOLD_DEV_SECRET_ACCESS_KEY=secret")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is too short for FIPS 140-3 mode") {
		p.t.Errorf("a secret of 6 characters: %v: %s", err, out)
	}
}

// write makes a file and answers its name.
func (h *home) write(name, text string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}
