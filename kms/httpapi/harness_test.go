package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/httpapi"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

const (
	account  = "111122223333"
	region   = "eu-central-1"
	host     = "kms.example.test:8443"
	jsonKind = "application/x-amz-json-1.1"
	formKind = "application/x-www-form-urlencoded; charset=utf-8"

	everything = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:*","keyhold:*","sts:*"],"Resource":"*"}}`
	trust      = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}}`
)

// memoryLog is a Log that a test can read.
type memoryLog struct {
	mu      sync.Mutex
	records []map[string]any
}

func (l *memoryLog) Append(_ context.Context, records ...[]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range records {
		var m map[string]any
		if err := json.Unmarshal(r, &m); err != nil {
			return err
		}
		l.records = append(l.records, m)
	}
	return nil
}

func (l *memoryLog) Has(_ context.Context, ids []string) (map[string]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	has := map[string]bool{}
	for _, id := range ids {
		for _, r := range l.records {
			has[id] = has[id] || r["eventID"] == id
		}
	}
	return has, nil
}

// of are the records of one request.
func (l *memoryLog) of(requestID string) (of []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if r["requestID"] == requestID {
			of = append(of, r)
		}
	}
	return of
}

// take are the records since the last time, which are forgotten.
func (l *memoryLog) take() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.records = nil }()
	return l.records
}

// lines is the log that operators see.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// bench is the wire over a whole service with a real store and a fake token with real cryptography.
type bench struct {
	t       testing.TB
	service *kms.Service
	handler *httpapi.Handler
	audit   *memoryLog
	log     *lines
	clock   *kmstest.Clock
	ada     sigv4.Credentials // of a user who may do everything
	adaARN  string
}

func newBench(t testing.TB, edit ...func(*httpapi.Config)) *bench {
	t.Helper()
	b := &bench{t: t, audit: &memoryLog{}, log: &lines{}, clock: kmstest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	store, err := sqlite.Create(t.Context(), sqlite.Config{Dir: filepath.Join(t.TempDir(), "data")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	config := kms.Config{
		Store: store, Device: kmstest.NewFakeDevice(kmstest.FakeConfig{Exclusive: true}), Log: b.audit, Table: ops.Table(),
		Now: b.clock.Now, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
	}
	if err := kms.Initialise(t.Context(), config, kms.Identity{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	if b.service, err = kms.New(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	b.handler = b.newHandler(b.service, edit...)
	b.adaARN, b.ada = b.user("ada", everything)
	return b
}

func (b *bench) newHandler(core httpapi.Core, edit ...func(*httpapi.Config)) *httpapi.Handler {
	b.t.Helper()
	config := httpapi.Config{Core: core, Regions: []string{region}, Now: b.clock.Now, Logger: slog.New(slog.NewTextHandler(b.log, nil))}
	for _, e := range edit {
		e(&config)
	}
	h, err := httpapi.New(config)
	if err != nil {
		b.t.Fatal(err)
	}
	return h
}

// do asks the core itself, as root.
func do[O any](b *bench, operation string, in kms.Input) O {
	b.t.Helper()
	out, err := b.service.Do(b.t.Context(), kms.Request{Operation: operation, Caller: b.service.Root("local", "test"), Input: in})
	if err != nil {
		b.t.Fatalf("%s: %v", operation, err)
	}
	typed, ok := out.(O)
	if !ok {
		b.t.Fatalf("%s answered a %T", operation, out)
	}
	return typed
}

// user creates a user with an access key.
func (b *bench) user(name, policy string) (arn string, credentials sigv4.Credentials) {
	b.t.Helper()
	p := do[*api.CreatePrincipalOutput](b, "CreatePrincipal", &api.CreatePrincipalInput{Kind: new("user"), Name: &name}).Principal
	do[any](b, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: &p.Arn, PolicyName: new("own"), Policy: &policy})
	k := do[*api.CreateAccessKeyOutput](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &p.Arn})
	return p.Arn, sigv4.Credentials{AccessKeyID: k.AccessKeyID, SecretAccessKey: []byte(k.SecretAccessKey)}
}

func (b *bench) role(name string) api.Principal {
	b.t.Helper()
	p := do[*api.CreatePrincipalOutput](b, "CreatePrincipal", &api.CreatePrincipalInput{Kind: new("role"), Name: &name, TrustPolicy: new(trust)}).Principal
	do[any](b, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: &p.Arn, PolicyName: new("own"), Policy: new(everything)})
	return p
}

func (b *bench) newKey() string {
	b.t.Helper()
	return do[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{}).KeyMetadata.KeyID
}

// request is a call of the JSON API that is not signed yet.
func request(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://"+host+"/", strings.NewReader(body))
	r.Header.Set("Content-Type", jsonKind)
	r.Header.Set("X-Amz-Target", target)
	return r
}

// form is a call of the query API that is not signed yet.
func form(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://"+host+"/", strings.NewReader(body))
	r.Header.Set("Content-Type", formKind)
	return r
}

// sign signs a request with its body, for the service that its content type tells.
func (b *bench) sign(r *http.Request, who sigv4.Credentials) *http.Request {
	b.t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	service := "kms"
	if r.Header.Get("Content-Type") == formKind {
		service = "sts"
	}
	signed, err := sigv4.Signer{Credentials: who, Region: region, Service: service}.Sign(r, body, b.clock.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	signed.RequestURI = r.RequestURI
	return signed
}

// reply is an answer as it came over the wire.
type reply struct {
	status int
	header http.Header
	body   string
	id     string
}

// ask has the handler answer, and checks what every answer has.
func (b *bench) ask(r *http.Request) reply {
	b.t.Helper()
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return b.check(w.Result())
}

func (b *bench) check(response *http.Response) reply {
	b.t.Helper()
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	got := reply{response.StatusCode, response.Header, string(body), response.Header.Get("x-amzn-RequestId")}
	if len(got.id) != 36 {
		b.t.Errorf("the request id is %q", got.id)
	}
	if want := b.clock.Now().Format(http.TimeFormat); got.header.Get("Date") != want {
		b.t.Errorf("the date is %q, want %q", got.header.Get("Date"), want)
	}
	return got
}

// call is a JSON call by ada.
func (b *bench) call(target, body string) reply {
	b.t.Helper()
	return b.ask(b.sign(request(target, body), b.ada))
}

// refused asserts an error of the JSON API; no message means that there is none.
func (b *bench) refused(got reply, status int, name string, message ...string) {
	b.t.Helper()
	want := `{"__type":"` + name + `"}`
	if len(message) > 0 {
		text, _ := json.Marshal(message[0])
		want = `{"__type":"` + name + `","message":` + string(text) + `}`
	}
	if got.status != status || got.body != want || got.header.Get("Content-Type") != jsonKind {
		b.t.Errorf("got %d %s %s, want %d %s", got.status, got.header.Get("Content-Type"), got.body, status, want)
	}
}

// serve has a server answer real connections until the test ends, and returns its address.
func (b *bench) serve(s httpapi.Server) string {
	b.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	if s.Handler == nil {
		s.Handler = b.handler
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	b.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.t.Errorf("the server ended with %v", err)
		}
	})
	return l.Addr().String()
}
