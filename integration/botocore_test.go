package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/keyhold/keyhold/configs"
)

// python is an interpreter that has botocore: the first on the PATH, or the system's, whose packages .ci/deps installs.
func python(t *testing.T) string {
	t.Helper()
	for _, interpreter := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(interpreter, "-c", "import botocore").Run() == nil {
			return interpreter
		}
	}
	t.Fatal("no python3 has botocore: run .ci/deps test")
	return ""
}

// botocore runs testdata/botocore_test.py, without the tests of one kind, or with those alone, as the administrator.
func (h *home) botocore(interpreter string, s *server, flags ...string) {
	h.t.Helper()
	cmd := exec.Command(interpreter, append([]string{"-B", filepath.Join("testdata", "botocore_test.py")}, flags...)...)
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1", "AWS_REGION="+serveRegion, "AWS_ENDPOINT_URL_KMS="+s.url, "AWS_ENDPOINT_URL_STS="+s.url,
		"AWS_ACCESS_KEY_ID="+h.credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+string(h.credentials.SecretAccessKey), "AWS_SESSION_TOKEN=",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "TEST_ROLE=arn:aws:iam::444455556666:role/night")
	out, err := cmd.CombinedOutput()
	if err != nil || !regexp.MustCompile(`\nRan [1-9]\d* tests? in .*\n\nOK\n$`).Match(out) {
		h.t.Errorf("%s: %v: %s", interpreter, err, out)
	}
}

// botocore, the client under boto3 and the AWS CLI, has tests of its own in Python; the last of them needs a server that has
// too little time for it.
func TestBotocoreIsAtHome(t *testing.T) {
	t.Parallel() // Python is slow to start, and most of the time goes there
	interpreter := python(t)
	h := newHome(t)
	trust, use := filepath.Join(h.dir, "trust.json"), filepath.Join(h.dir, "use.json")
	for path, text := range map[string]string{
		trust: `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "444455556666"}}]}`,
		use:   `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*"}]}`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.run("principal", "create", "role", "night", "--trust", trust, "--policy-file", "use="+use)
	s := h.serve()
	h.botocore(interpreter, s, "Keys", "Secrets", "Callers")
	s.stop()
	h.edit(func(c *configs.Config) { c.Server.Rates.Symmetric = 1 })
	s = h.serve()
	h.botocore(interpreter, s, "Throttled")
	s.stop()
}
