package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/configs"
)

// elsewhere is another machine: no data directory, a home of its own, and no variable of AWS.
type elsewhere struct {
	t       *testing.T
	dir     string
	command func(args ...string) *exec.Cmd
}

func newElsewhere(t *testing.T, variables ...string) elsewhere {
	t.Helper()
	dir := t.TempDir()
	return elsewhere{t, dir, func(args ...string) *exec.Cmd {
		cmd := program(t, "", args...)
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"} {
			cmd.Env = append(cmd.Env, name+"=")
		}
		cmd.Env = append(append(cmd.Env, "HOME="+dir, "AWS_CONFIG_FILE=", "AWS_SHARED_CREDENTIALS_FILE="), variables...)
		cmd.Dir = dir
		return cmd
	}}
}

// run runs a command that must succeed.
func (e elsewhere) run(args ...string) string {
	e.t.Helper()
	cmd := e.command(args...)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		e.t.Fatalf("keyhold %v: %v: %s\n%s", args, err, talk.String(), out)
	}
	return string(out)
}

// An administrator on another machine, who has a certificate and an access key in files, works on the server over TLS; and
// through a role, whose sessions keyhold itself begins for whoever reads the files.
func TestAnAdministratorElsewhere(t *testing.T) {
	h := newHome(t)
	files, _ := certificate(t, h.dir)
	h.edit(func(c *configs.Config) {
		c.Server.Listen, c.Server.TLS = "127.0.0.1:0", files
		c.Server.TLS.ClientCA = files.Certificate
	})
	s := h.serve()
	e := newElsewhere(t, "KEYHOLD_ENDPOINT="+s.url, "KEYHOLD_CA_FILE="+files.Certificate, "KEYHOLD_CLIENT_CERT="+files.Certificate, "KEYHOLD_CLIENT_KEY="+files.Key)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"sts:AssumeRole"}}`
	aws := filepath.Join(e.dir, ".aws")
	err = errors.Join(os.Mkdir(aws, 0o700), os.WriteFile(filepath.Join(e.dir, "trust.json"), []byte(trust), 0o600),
		os.WriteFile(filepath.Join(aws, "credentials"), fmt.Appendf(nil, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
			h.credentials.AccessKeyID, h.credentials.SecretAccessKey), 0o600),
		os.WriteFile(filepath.Join(aws, "config"), fmt.Appendf(nil, "[default]\nregion = %s\n[profile batch]\nregion = %[1]s\n"+
			"credential_process = \"%s\" --aws-profile default access-key session --role batch --name nightly\n", serveRegion, exe), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	e.run("key", "create", "--alias", "orders")
	e.run("principal", "create", "role", "batch", "--trust", "trust.json", "--administrator")
	if who := e.run("--aws-profile", "batch", "call", "GetCallerIdentity"); !strings.Contains(who, "arn:aws:sts::444455556666:assumed-role/batch/nightly") {
		t.Errorf("with the credentials of the process it is %s", who)
	}
	if who := e.run("call", "GetCallerIdentity"); !strings.Contains(who, "arn:aws:iam::444455556666:user/admin") {
		t.Errorf("with the access key it is %s", who)
	}
	plain, sealed := filepath.Join(e.dir, "plain"), filepath.Join(e.dir, "sealed")
	if err := os.WriteFile(plain, []byte("attack at dawn"), 0o600); err != nil {
		t.Fatal(err)
	}
	e.run("--aws-profile", "batch", "encrypt", "alias/orders", plain, "--out", sealed)
	if out := e.run("decrypt", sealed); out != "attack at dawn" {
		t.Errorf("it decrypts to %q", out)
	}
	if left, err := filepath.Glob(filepath.Join(e.dir, "keyhold*")); err != nil || len(left) > 0 {
		t.Errorf("it has made %v, %v", left, err)
	}
	s.stop()
}
