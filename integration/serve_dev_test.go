package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/softhsm"
)

func devDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-dev-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// What keyhold dev proposes is pasted by everybody who tries Keyhold: the AWS CLI, curl and keyhold itself.
func TestTheCommandsThatDevProposesWork(t *testing.T) {
	for _, client := range []string{"aws", "curl"} {
		if _, err := exec.LookPath(client); err != nil {
			t.Fatalf("%v: run .ci/deps test", err)
		}
	}
	dir := devDir(t)
	data, env := filepath.Join(dir, "data"), filepath.Join(dir, "shell.env")
	exe, err := os.Executable()
	if err == nil {
		err = os.Symlink(exe, filepath.Join(dir, "keyhold"))
	}
	if err != nil {
		t.Fatal(err)
	}
	server := program(t, data, "dev", "--listen", "127.0.0.1:0", "--env-file", env)
	server.Env = append(server.Env, "PATH="+dir+":"+os.Getenv("PATH"))
	s := start(t, server)
	var pasted string
	for end := time.Now().Add(soon); pasted == "" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, block, ok := strings.Cut(s.said(), "To paste into another shell:\n\n"); ok && strings.HasSuffix(block, "key list\n\n") {
			pasted = block
		}
	}
	if info, err := os.Stat(env); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: mode %v, error %v", env, info.Mode(), err)
	}
	cmd := exec.Command("sh", "-e", "-c", pasted)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), asKeyhold+"=1", "GORACE=atexit_sleep_ms=0",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PAGER=")
	out, err := cmd.CombinedOutput()
	made := regexp.MustCompile(`"KeyId": "([0-9a-f-]{36})"`).FindSubmatch(out)
	if err != nil || made == nil {
		t.Fatalf("%v\n%s\n%s\n%s", err, pasted, out, s.said())
	}
	id := string(made[1])
	if !strings.Contains(string(out), `{"Keys":[{"KeyId":"`+id+`"`) || !strings.Contains(string(out), "\n"+id+"  -") {
		t.Errorf("curl or keyhold do not know the key %s: %s", id, out)
	}
	s.stop()
}

// The AWS CLI does the whole of a key's work, and says what went wrong as it does with AWS.
func TestTheAWSCLIUsesKeys(t *testing.T) {
	dir := devDir(t)
	data := filepath.Join(dir, "data")
	s := start(t, program(t, data, "dev", "--listen", "127.0.0.1:0", "--region", "eu-west-1"))
	script := `. "$DATA/dev.env"
kms() { aws kms --endpoint-url "$AWS_ENDPOINT_URL_KMS" --region "$AWS_REGION" --output text "$@"; }
key=$(kms create-key --query KeyMetadata.KeyId)
kms create-alias --alias-name alias/orders --target-key-id "$key"
printf orders >"$DIR/plain"
kms encrypt --key-id alias/orders --plaintext "fileb://$DIR/plain" --encryption-context Tenant=42 --query CiphertextBlob | base64 -d >"$DIR/sealed"
test "$(kms decrypt --ciphertext-blob "fileb://$DIR/sealed" --encryption-context Tenant=42 --query Plaintext | base64 -d)" = orders
kms generate-data-key --key-id alias/orders --key-spec AES_256 --query CiphertextBlob | base64 -d >"$DIR/wrapped"
test "$(kms decrypt --ciphertext-blob "fileb://$DIR/wrapped" --query Plaintext | base64 -d | wc -c)" -eq 32
if kms decrypt --ciphertext-blob "fileb://$DIR/sealed" 2>"$DIR/said"; then exit 1; fi
grep InvalidCiphertextException "$DIR/said"
if AWS_SECRET_ACCESS_KEY=wrong kms list-keys 2>"$DIR/said"; then exit 1; fi
grep InvalidSignatureException "$DIR/said"
aws sts get-caller-identity --endpoint-url "$AWS_ENDPOINT_URL_STS" --region "$AWS_REGION" --query Arn --output text
`
	cmd := exec.Command("sh", "-e", "-c", script)
	cmd.Env = append(os.Environ(), "DATA="+data, "DIR="+dir, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PAGER=")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "arn:aws:iam::111122223333:user/dev") {
		t.Errorf("%v: %s\n%s", err, out, s.said())
	}
	s.stop()
}

// Scripts and compose files have the credentials written down. They hold in every region that is named, and from one start
// to the next.
func TestTheCredentialsOfDevCanBeFixed(t *testing.T) {
	data := filepath.Join(devDir(t), "data")
	fixed := func(id, value string) *exec.Cmd {
		cmd := program(t, data, "dev", "--listen", "localhost:0", "--region", "eu-west-1", "--region", "us-east-1")
		cmd.Env = append(cmd.Env, "KEYHOLD_DEV_ACCESS_KEY_ID="+id, "KEYHOLD_DEV_SECRET_ACCESS_KEY="+value)
		return cmd
	}
	works := func(s *server, id, value, region string) bool {
		a, err := s.send(t.Context(), sigv4.Credentials{AccessKeyID: id, SecretAccessKey: []byte(value)}, region, "ListKeys", "{}")
		if err != nil {
			t.Fatal(err)
		}
		return a.status == http.StatusOK
	}
	s := start(t, fixed("test", "t"))
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		if !works(s, "test", "t", region) {
			t.Errorf("not in %s: %s", region, s.said())
		}
	}
	if works(s, "test", "t", "ap-south-1") {
		t.Error("in a region that nobody named")
	}
	s.stop()
	s = start(t, fixed("test", "another"))
	if works(s, "test", "t", "eu-west-1") || !works(s, "test", "another", "eu-west-1") {
		t.Errorf("the secret was not changed: %s", s.said())
	}
	s.stop()
	for _, id := range []string{"second", "third"} { // a user has two access keys at most
		s = start(t, fixed(id, "x"))
		if !works(s, id, "x", "eu-west-1") {
			t.Errorf("%s: %s", id, s.said())
		}
		s.stop()
	}
	// Without the variables it is the one that the directory had last.
	s = start(t, program(t, data, "dev", "--listen", "[::1]:0"))
	if !works(s, "third", "x", "eu-west-1") {
		t.Error(s.said())
	}
	s.stop()
}

// certificate makes a self-signed certificate for this machine.
func certificate(t *testing.T, dir string) (configs.TLS, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := configs.TLS{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	err = errors.Join(os.WriteFile(files.Certificate, public, 0o600),
		os.WriteFile(files.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(public)
	return files, pool
}

func TestTheServerSpeaksTLSAndHTTP2(t *testing.T) {
	h := newHome(t)
	files, pool := certificate(t, h.dir)
	h.edit(func(c *configs.Config) { c.Server.Listen, c.Server.TLS = "0.0.0.0:0", files })
	s := h.serve()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "https://"))
	if err != nil {
		t.Fatalf("%q: %v", s.url, err)
	}
	s.url = "https://127.0.0.1:" + port
	s.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	s.call(h.credentials, "ListKeys", "{}")
	response, err := s.client.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.ProtoMajor != 2 || response.TLS.Version < tls.VersionTLS12 {
		t.Errorf("%s, %v, %v", response.Proto, response.TLS, err)
	}
	s.url = "http://127.0.0.1:" + port
	if a, err := s.send(t.Context(), h.credentials, serveRegion, "ListKeys", "{}"); err == nil {
		t.Errorf("without TLS it answered %v", a)
	}
	s.stop()
}
