package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

const (
	account = "111122223333"
	region  = "eu-central-1"
	arnBase = "arn:aws:kms:" + region + ":" + account + ":"
)

// memoryLog is a Log that a test can read. Durability is audit.Log's own business.
type memoryLog struct {
	mu      sync.Mutex
	records []map[string]any
	fail    error
}

func (l *memoryLog) Append(_ context.Context, records ...[]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
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

func (l *memoryLog) failWith(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

// forget drops what was recorded, so that a long test does not fill the memory.
func (l *memoryLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = nil
}

func (l *memoryLog) all() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]map[string]any(nil), l.records...)
}

// bench is a whole service over a real store and a fake token with real cryptography.
type bench struct {
	t       testing.TB
	dir     string
	store   *sqlite.Store
	device  *kmstest.FakeDevice
	log     *memoryLog
	clock   *kmstest.Clock
	config  kms.Config
	service *kms.Service
}

func newBench(t testing.TB, edit ...func(*kms.Config)) *bench {
	t.Helper()
	return newBenchOf(t, kms.Identity{Account: account, Region: region}, edit...)
}

// newBenchOf is newBench for another identity, such as that of a throw-away directory.
func newBenchOf(t testing.TB, identity kms.Identity, edit ...func(*kms.Config)) *bench {
	t.Helper()
	b := &bench{
		t: t, dir: filepath.Join(t.TempDir(), "data"), log: &memoryLog{},
		device: kmstest.NewFakeDevice(kmstest.FakeConfig{Exclusive: true}),
		clock:  kmstest.NewClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
	}
	store, err := sqlite.Create(t.Context(), sqlite.Config{Dir: b.dir})
	if err != nil {
		t.Fatal(err)
	}
	b.store = store
	b.config = kms.Config{
		Store: store, Device: b.device, Log: b.log, Table: ops.Table(), Now: b.clock.Now, MaxOnDemandRotations: api.MaxOnDemandRotations,
	}
	for _, e := range edit {
		e(&b.config)
	}
	if err := kms.Initialise(t.Context(), b.config, identity); err != nil {
		t.Fatal(err)
	}
	b.start()
	t.Cleanup(func() { _ = b.store.Close() })
	return b
}

func (b *bench) start() {
	b.t.Helper()
	var err error
	if b.service, err = kms.New(b.t.Context(), b.config); err != nil {
		b.t.Fatal(err)
	}
}

// reopen closes everything as a clean stop does, and starts again.
func (b *bench) reopen() {
	b.t.Helper()
	b.service.Close(b.t.Context())
	b.crash()
}

// crash starts again without a clean stop.
func (b *bench) crash() {
	b.t.Helper()
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
	store, err := sqlite.Open(b.t.Context(), sqlite.Config{Dir: b.dir})
	if err != nil {
		b.t.Fatal(err)
	}
	b.store, b.config.Store = store, store
	b.start()
}

func (b *bench) root() kms.Caller { return b.service.Root("local", "test") }

// try asks as root.
func try[O any](b *bench, operation string, in kms.Input) (O, error) {
	b.t.Helper()
	return tryAs[O](b, b.root(), operation, in)
}

func must[O any](b *bench, operation string, in kms.Input) O {
	b.t.Helper()
	out, err := try[O](b, operation, in)
	if err != nil {
		b.t.Fatalf("%s: %v", operation, err)
	}
	return out
}

func (b *bench) newKey() string {
	b.t.Helper()
	return must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{}).KeyMetadata.KeyID
}

func (b *bench) encrypt(key, plaintext string, context map[string]string) []byte {
	b.t.Helper()
	return must[*api.EncryptOutput](b, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte(plaintext), EncryptionContext: context}).CiphertextBlob
}

func (b *bench) decrypt(blob []byte, context map[string]string) (string, error) {
	b.t.Helper()
	out, err := try[*api.DecryptOutput](b, "Decrypt", &api.DecryptInput{CiphertextBlob: blob, EncryptionContext: context})
	if err != nil {
		return "", err
	}
	return string(out.Plaintext), nil
}

// refused asserts an AWS error by name and, when text is given, by message.
func refused(t testing.TB, err error, name string, text ...string) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %s", err, name)
	}
	if e.Name != name || len(text) > 0 && e.Message != text[0] {
		t.Fatalf("got %s %q, want %s %q", e.Name, e.Message, name, text)
	}
}

func keyARN(id string) string { return arnBase + "key/" + id }
