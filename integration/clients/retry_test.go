package clients

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// When an answer is lost the SDK signs the same request again, says that it does, and is answered.
func TestTheSDKsRetriesAreAnswered(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	first := len(b.wire.all()) + 1
	b.wire.after = func(n int) error {
		if n < first+2 {
			return syscall.ECONNRESET
		}
		return nil
	}
	if out := must(b.kms.GenerateDataKey(b.ctx, &kms.GenerateDataKeyInput{KeyId: key, NumberOfBytes: aws.Int32(8)}))(t); len(out.Plaintext) != 8 {
		t.Errorf("%d octets", len(out.Plaintext))
	}
	attempts := b.wire.all()[first-1:]
	if len(attempts) != 3 {
		t.Fatalf("%d attempts, want 3: %v", len(attempts), attempts)
	}
	for i, a := range attempts {
		if want := "attempt=" + string(rune('1'+i)); a.status != 200 || !strings.HasPrefix(a.attempt, want) {
			t.Errorf("%+v, want %s", a, want)
		}
	}
}

// A client that comes too often is told so in a way that makes the SDK wait and come again.
func TestTheSDKWaitsWhenItIsThrottled(t *testing.T) {
	dir, err := newDir()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is the system's to remove
	s, err := startServer(dir)
	if err != nil {
		t.Fatal(err)
	}
	configuration := filepath.Join(s.data, "keyhold.yaml")
	text, err := os.ReadFile(configuration)
	if err != nil {
		t.Fatal(err)
	}
	limited := strings.Replace(string(text), "    # principal: 0", "    principal: 10", 1)
	if limited == string(text) {
		t.Fatal("the configuration has another form")
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(configuration, []byte(limited), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = startServer(dir); err != nil {
		t.Fatal(err)
	}
	b := newBenchOf(t, credentials.NewStaticCredentialsProvider(s.env["AWS_ACCESS_KEY_ID"], s.env["AWS_SECRET_ACCESS_KEY"], ""))
	patient := func(o *kms.Options) {
		o.BaseEndpoint = aws.String(s.env["AWS_ENDPOINT_URL_KMS"])
		o.Retryer = retry.AddWithMaxAttempts(o.Retryer, 10)
	}
	var clients sync.WaitGroup
	for range 14 {
		clients.Go(func() {
			if _, err := b.kms.GenerateRandom(b.ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(8)}, patient); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	throttled := 0
	for _, a := range b.wire.all() {
		if a.errorCode == "ThrottlingException" {
			throttled++
		}
	}
	if throttled == 0 {
		t.Errorf("nothing was throttled: %v", b.wire.all())
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}
