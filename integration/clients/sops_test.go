package clients

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

const document = `database:
    user: orders
    password: correct horse battery staple
`

// sops runs SOPS as it is published.
func sops(args ...string) (out []byte, said string, err error) {
	cmd := exec.Command("go", append([]string{"tool", "sops", "--disable-version-check"}, args...)...)
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err = cmd.Output()
	return out, talk.String(), err
}

func mustSOPS(t *testing.T, args ...string) []byte {
	t.Helper()
	out, said, err := sops(args...)
	if err != nil {
		t.Fatalf("sops %v: %v: %s", args, err, said)
	}
	return out
}

func TestSOPSKeepsAFileSecret(t *testing.T) {
	b := newBench(t)
	role := b.role(allow("*", "kms:Encrypt", "kms:Decrypt"))
	key, second := b.newKey(), b.newKey()
	for name, master := range map[string]string{"by its ARN": *key, "by an alias": strings.Replace(*key, "key/"+idOf(key), *b.newAlias(key), 1), "as a role": *key + "+" + *role} {
		t.Run(name, func(t *testing.T) {
			plain := file(t, "plain.yaml", document)
			sealed := mustSOPS(t, "encrypt", "--kms", master, "--encryption-context", "Stage:production,Team:billing", plain)
			if strings.Contains(string(sealed), "correct horse") || !strings.Contains(string(sealed), "password: ENC[") {
				t.Fatalf("it is not encrypted: %s", sealed)
			}
			path := filepath.Join(filepath.Dir(plain), "sealed.yaml")
			if err := os.WriteFile(path, sealed, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := mustSOPS(t, "decrypt", path); string(got) != document {
				t.Errorf("it opens to %s", got)
			}
			if got := mustSOPS(t, "decrypt", "--extract", `["database"]["user"]`, path); string(got) != "orders" {
				t.Errorf("the user is %s", got)
			}
			// A second key can open it from then on, and a new data key takes the old one's place.
			mustSOPS(t, "rotate", "--in-place", "--add-kms", *second, path)
			if rotated, err := os.ReadFile(path); err != nil || !strings.Contains(string(rotated), *second) {
				t.Errorf("the second key is not in %s, %v", rotated, err)
			}
			if got := mustSOPS(t, "decrypt", path); string(got) != document {
				t.Errorf("it opens to %s", got)
			}
			// Whoever gives the file another context cannot open it.
			if err := os.WriteFile(path, bytes.Replace(sealed, []byte("Stage: production"), []byte("Stage: test"), 1), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, said, err := sops("decrypt", path); err == nil || !strings.Contains(said, "InvalidCiphertextException") {
				t.Errorf("in another context: %v, %s", err, said)
			}
		})
	}
	plain := file(t, "plain.yaml", document)
	sealed := file(t, "sealed.yaml", string(mustSOPS(t, "encrypt", "--kms", *key, plain)))
	must(b.kms.DisableKey(b.ctx, &kms.DisableKeyInput{KeyId: key}))(t)
	if _, said, err := sops("decrypt", sealed); err == nil || !strings.Contains(said, "DisabledException") {
		t.Errorf("with a key that is disabled: %v, %s", err, said)
	}
	if _, said, err := sops("encrypt", "--kms", absentARN, plain); err == nil || !strings.Contains(said, "NotFoundException") {
		t.Errorf("with a key that there is not: %v, %s", err, said)
	}
}
