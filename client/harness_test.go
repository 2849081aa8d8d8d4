package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/httpapi"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

const (
	account    = "111122223333"
	region     = "eu-central-1"
	everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:*","keyhold:*","sts:*"],"Resource":"*"}}`
	trust      = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}}`
)

// memoryLog keeps the names of the operations that were recorded as done.
type memoryLog struct {
	mu   sync.Mutex
	done []string
	ids  map[string]bool
}

func (l *memoryLog) Append(_ context.Context, records ...[]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range records {
		var m struct {
			EventName, EventID, ErrorCode string
		}
		if err := json.Unmarshal(r, &m); err != nil {
			return err
		}
		if m.ErrorCode == "" {
			l.done = append(l.done, m.EventName)
		}
		l.ids[m.EventID] = true
	}
	return nil
}

func (l *memoryLog) Has(_ context.Context, ids []string) (map[string]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	has := map[string]bool{}
	for _, id := range ids {
		has[id] = l.ids[id]
	}
	return has, nil
}

// count is how often an operation was done.
func (l *memoryLog) count(operation string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range l.done {
		if name == operation {
			n++
		}
	}
	return n
}

// bench is a whole server behind TLS, over a real store and a fake token with real cryptography, and a client of it. The
// server's clock is far from the computer's; the client goes by it.
type bench struct {
	t       testing.TB
	service *kms.Service
	audit   *memoryLog
	clock   *kmstest.Clock
	server  *httptest.Server
	ada     client.Credentials // of a user who may do everything
	lose    sync.Map           // operation by X-Amz-Target: how many answers get lost
	client  *client.Client
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, audit: &memoryLog{ids: map[string]bool{}}, clock: kmstest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	store, err := sqlite.Create(t.Context(), sqlite.Config{Dir: filepath.Join(t.TempDir(), "data")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	config := kms.Config{Store: store, Device: kmstest.NewFakeDevice(kmstest.FakeConfig{Exclusive: true}), Log: b.audit, Table: ops.Table(), Now: b.clock.Now}
	if err := kms.Initialise(t.Context(), config, kms.Identity{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	if b.service, err = kms.New(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	handler, err := httpapi.New(httpapi.Config{Core: b.service, Regions: []string{region}, Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	b.server = httptest.NewUnstartedServer(b.lossy(handler))
	b.server.EnableHTTP2 = true
	b.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	b.server.StartTLS()
	t.Cleanup(b.server.Close)
	b.ada = b.user("ada", everything)
	b.client = b.newClient()
	return b
}

// lossy does what is asked, and then loses the answer with the connection, as often as b.lose says.
func (b *bench) lossy(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := targetOf(r)
		left, ok := b.lose.Load(target)
		if !ok || left.(int) == 0 {
			h.ServeHTTP(w, r)
			return
		}
		b.lose.Store(target, left.(int)-1)
		h.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
}

// targetOf is what is asked for, which forms say in their body.
func targetOf(r *http.Request) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	return prefixes[kms.STS] + form.Get("Action")
}

// config is that of a client which trusts the server.
func (b *bench) config() client.Config {
	roots := x509.NewCertPool()
	roots.AddCert(b.server.Certificate())
	return client.Config{
		Endpoint: b.server.URL, Region: region, Credentials: client.Static(b.ada), TLS: &tls.Config{RootCAs: roots}, Now: b.clock.Now,
		Retry: client.Retry{FirstDelay: time.Millisecond, MaxDelay: time.Millisecond},
	}
}

func (b *bench) newClient(edit ...func(*client.Config)) *client.Client {
	b.t.Helper()
	config := b.config()
	for _, e := range edit {
		e(&config)
	}
	return newClient(b.t, config)
}

func newClient(t testing.TB, config client.Config) *client.Client {
	t.Helper()
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// do asks the core itself, as root.
func do[O any](b *bench, operation string, in kms.Input) O {
	b.t.Helper()
	out, err := b.service.Do(b.t.Context(), kms.Request{Operation: operation, Caller: b.service.Root("local", "test"), Input: in})
	if err != nil {
		b.t.Fatalf("%s: %v", operation, err)
	}
	return out.(O)
}

// user creates a user with an access key.
func (b *bench) user(name, policy string) client.Credentials {
	b.t.Helper()
	p := do[*api.CreatePrincipalOutput](b, "CreatePrincipal", &api.CreatePrincipalInput{Kind: new("user"), Name: &name}).Principal
	do[any](b, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: &p.Arn, PolicyName: new("reader"), Policy: &policy})
	k := do[*api.CreateAccessKeyOutput](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &p.Arn})
	return client.NewCredentials(k.AccessKeyID, []byte(k.SecretAccessKey), "", time.Time{})
}

func (b *bench) newKey() string {
	b.t.Helper()
	return do[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{}).KeyMetadata.KeyID
}

// answers is a transport that answers from a list, the last entry again and again, and counts.
type answers struct {
	list []func(*http.Request) (*http.Response, error)
	seen []*http.Request
	at   []time.Time
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	next := a.list[min(len(a.seen), len(a.list)-1)]
	a.seen, a.at = append(a.seen, r), append(a.at, time.Now())
	return next(r)
}
