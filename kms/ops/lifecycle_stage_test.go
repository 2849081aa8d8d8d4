package ops_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

// world stands between a service and everything outside it: its store, its token and its log. Each call goes by a
// name, "store.Apply" or "token.Encrypt"; a test may let a call fail before its work or lose its answer after it.
type world struct {
	mu     sync.Mutex
	before func(call string) error
	after  func(call string) error
	calls  []string
}

var errFault = errors.New("a fault of the test")

func (w *world) do(call string, work func() error) error {
	w.mu.Lock()
	w.calls = append(w.calls, call)
	before, after := w.before, w.after
	w.mu.Unlock()
	if before != nil {
		if err := before(call); err != nil {
			return err
		}
	}
	err := work()
	if err == nil && after != nil {
		err = after(call)
	}
	return err
}

func (w *world) set(before, after func(call string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.after = before, after
}

func (w *world) heal() { w.set(nil, nil) }

// count is how often a call was made.
func (w *world) count(call string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.calls {
		if c == call {
			n++
		}
	}
	return n
}

// once is a fault that hits the n-th of the calls of a name, counted from 1, and no other.
func once(call string, n int, err error) func(string) error {
	var mu sync.Mutex
	return func(c string) error {
		mu.Lock()
		defer mu.Unlock()
		if c != call {
			return nil
		}
		if n--; n == 0 {
			return err
		}
		return nil
	}
}

// mortal is a process that dies after n calls to the outside: no call reaches it any more, and no clean-up does.
func mortal(n int) func(string) error {
	var mu sync.Mutex
	return func(string) error {
		mu.Lock()
		defer mu.Unlock()
		if n == 0 {
			return errFault
		}
		n--
		return nil
	}
}

// stageStore is the store as the service sees it. What it reads may be forged on the way.
type stageStore struct {
	kms.Store
	world       *world
	births      func([]kms.BirthRow) []kms.BirthRow
	generations func([]kms.GenerationRow) []kms.GenerationRow
	key         func(kms.KeyRecord) kms.KeyRecord
	meta        func(kms.MetaRow) kms.MetaRow
	intents     []kms.BirthRow // all that were ever recorded
}

func forged[T any](forge func(T) T, v T, err error) (T, error) {
	if err == nil && forge != nil {
		v = forge(v)
	}
	return v, err
}

func (s *stageStore) Apply(ctx context.Context, c kms.Change) error {
	return s.world.do("store.Apply", func() error { return s.Store.Apply(ctx, c) })
}

func (s *stageStore) PutBirth(ctx context.Context, b kms.BirthRow) error {
	s.world.mu.Lock()
	s.intents = append(s.intents, b)
	s.world.mu.Unlock()
	return s.world.do("store.PutBirth", func() error { return s.Store.PutBirth(ctx, b) })
}

func (s *stageStore) CloseBirth(ctx context.Context, id device.ObjectID) error {
	return s.world.do("store.CloseBirth", func() error { return s.Store.CloseBirth(ctx, id) })
}

func (s *stageStore) Drained(ctx context.Context, ids []string) error {
	return s.world.do("store.Drained", func() error { return s.Store.Drained(ctx, ids) })
}

func (s *stageStore) PutMeta(ctx context.Context, m kms.MetaRow) error {
	return s.world.do("store.PutMeta", func() error { return s.Store.PutMeta(ctx, m) })
}

func (s *stageStore) Outbox(ctx context.Context, limit int) (rows []kms.EventRow, err error) {
	err = s.world.do("store.Outbox", func() error { rows, err = s.Store.Outbox(ctx, limit); return err })
	return rows, err
}

func (s *stageStore) Births(ctx context.Context) (rows []kms.BirthRow, err error) {
	err = s.world.do("store.Births", func() error { rows, err = s.Store.Births(ctx); return err })
	return forged(s.births, rows, err)
}

func (s *stageStore) Generations(ctx context.Context) (rows []kms.GenerationRow, err error) {
	err = s.world.do("store.Generations", func() error { rows, err = s.Store.Generations(ctx); return err })
	return forged(s.generations, rows, err)
}

func (s *stageStore) Key(ctx context.Context, id kms.KeyID) (r kms.KeyRecord, err error) {
	err = s.world.do("store.Key", func() error { r, err = s.Store.Key(ctx, id); return err })
	return forged(s.key, r, err)
}

func (s *stageStore) Meta(ctx context.Context) (m kms.MetaRow, err error) {
	err = s.world.do("store.Meta", func() error { m, err = s.Store.Meta(ctx); return err })
	return forged(s.meta, m, err)
}

// stageToken is the token as the service sees it.
type stageToken struct {
	*kmstest.FakeDevice
	world  *world
	shared bool
	sealed func(device.Sealed) device.Sealed // what becomes of a ciphertext on its way back
	opened func([]byte) []byte               // and of a plaintext

	mu    sync.Mutex
	seals map[device.ObjectID]int // calls of Encrypt by key
}

func (d *stageToken) Exclusive() bool { return !d.shared }

func (d *stageToken) Random(ctx context.Context, p []byte) error {
	return d.world.do("token.Random", func() error { return d.FakeDevice.Random(ctx, p) })
}

func (d *stageToken) Encrypt(ctx context.Context, req device.EncryptRequest) (s device.Sealed, err error) {
	d.mu.Lock()
	d.seals[req.Key.ID]++
	d.mu.Unlock()
	err = d.world.do("token.Encrypt", func() error { s, err = d.FakeDevice.Encrypt(ctx, req); return err })
	return forged(d.sealed, s, err)
}

func (d *stageToken) Decrypt(ctx context.Context, req device.DecryptRequest) (p []byte, err error) {
	err = d.world.do("token.Decrypt", func() error { p, err = d.FakeDevice.Decrypt(ctx, req); return err })
	return forged(d.opened, p, err)
}

func (d *stageToken) MAC(ctx context.Context, id device.ObjectID, message []byte) (sum []byte, err error) {
	err = d.world.do("token.MAC", func() error { sum, err = d.FakeDevice.MAC(ctx, id, message); return err })
	return sum, err
}

func (d *stageToken) GenerateKey(ctx context.Context, spec device.KeySpec) (c device.Cipher, err error) {
	err = d.world.do("token.GenerateKey", func() error { c, err = d.FakeDevice.GenerateKey(ctx, spec); return err })
	return c, err
}

func (d *stageToken) DestroyKey(ctx context.Context, id device.ObjectID) error {
	return d.world.do("token.DestroyKey", func() error { return d.FakeDevice.DestroyKey(ctx, id) })
}

func (d *stageToken) Inventory(ctx context.Context) (objects []device.Object, err error) {
	err = d.world.do("token.Inventory", func() error { objects, err = d.FakeDevice.Inventory(ctx); return err })
	return objects, err
}

func (d *stageToken) HalfMade(ctx context.Context) (objects []device.Object, err error) {
	err = d.world.do("token.HalfMade", func() error { objects, err = d.FakeDevice.HalfMade(ctx); return err })
	return objects, err
}

// sealsOf is how often the token was asked to seal under a key.
func (d *stageToken) sealsOf(id device.ObjectID) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seals[id]
}

// stageLog is the log as the service sees it.
type stageLog struct {
	*memoryLog
	world *world
}

func (l *stageLog) Append(ctx context.Context, records ...[]byte) error {
	return l.world.do("log.Append", func() error { return l.memoryLog.Append(ctx, records...) })
}

// stage is a bench whose outside world a test controls.
type stage struct {
	*bench
	world  *world
	store  *stageStore
	device *stageToken
}

func newStage(t testing.TB, edit ...func(*kms.Config)) *stage {
	t.Helper()
	s := &stage{world: &world{}}
	wrap := func(c *kms.Config) {
		fake, _ := c.Device.(*kmstest.FakeDevice)
		log, _ := c.Log.(*memoryLog)
		s.store = &stageStore{Store: c.Store, world: s.world}
		s.device = &stageToken{FakeDevice: fake, world: s.world, seals: map[device.ObjectID]int{}}
		c.Store, c.Device, c.Log = s.store, s.device, &stageLog{log, s.world}
	}
	s.bench = newBench(t, append([]func(*kms.Config){wrap}, edit...)...)
	return s
}

// crash starts again without a clean stop, in a world without faults.
func (s *stage) crash() {
	s.t.Helper()
	s.world.heal()
	if err := s.bench.store.Close(); err != nil {
		s.t.Fatal(err)
	}
	store, err := sqlite.Open(s.t.Context(), sqlite.Config{Dir: s.dir})
	if err != nil {
		s.t.Fatal(err)
	}
	s.bench.store, s.store.Store = store, store
	s.start()
}

// sound checks what must hold whenever nothing is under way: the token holds the key of the rows and one object for
// each generation and nothing else, no intent is open, every event is in the log once, and every key is in order.
func (s *stage) sound(t testing.TB) {
	t.Helper()
	s.soundBut(t, "\x00")
}

// soundBut is sound, except for objects whose label begins with left.
func (s *stage) soundBut(t testing.TB, left string) {
	t.Helper()
	extra, missing := s.strays(t)
	extra = slices.DeleteFunc(extra, func(o string) bool { _, label, _ := strings.Cut(o, " "); return strings.HasPrefix(label, left) })
	if len(extra)+len(missing) > 0 {
		t.Errorf("the token holds %v that no row knows, and lacks %v", extra, missing)
	}
	if open := s.openBirths(t); len(open) > 0 {
		t.Errorf("%d intents are open", len(open))
	}
	seen := map[any]int{}
	for _, r := range s.log.all() {
		if seen[r["eventID"]]++; seen[r["eventID"]] > 1 {
			t.Errorf("the event %v of %v is in the log twice", r["eventID"], r["eventName"])
		}
	}
	err := s.service.Inspect(t.Context(), func(f kms.Finding) error {
		if !f.OK {
			t.Errorf("%s: %s", f.Subject, f.Detail)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// strays are the objects that no row knows, and the generations without an object.
func (s *stage) strays(t testing.TB) (extra, missing []string) {
	t.Helper()
	generations, err := s.bench.store.Generations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	row := s.service.Meta().RowKey
	known := []string{row.String()}
	for _, g := range generations {
		known = append(known, g.Object.String())
	}
	for _, o := range s.bench.device.Objects() {
		id := hex.EncodeToString(o.ID)
		if i := slices.Index(known, id); i >= 0 && o.HasValue {
			known = slices.Delete(known, i, i+1)
			continue
		}
		extra = append(extra, id+" "+o.Label)
	}
	return extra, known
}

func (s *stage) openBirths(t testing.TB) []kms.BirthRow {
	t.Helper()
	open, err := s.bench.store.Births(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return open
}

// generations are those of one key.
func (s *stage) generations(t testing.TB, key string) []kms.GenerationRow {
	t.Helper()
	record, err := s.bench.store.Key(t.Context(), kms.KeyID(key))
	if err != nil {
		t.Fatal(err)
	}
	return record.Generations
}

// events are the records of one operation, or service event, in the log.
func (b *bench) events(name string) []map[string]any {
	return slices.DeleteFunc(b.log.all(), func(r map[string]any) bool { return r["eventName"] != name })
}

func lastOf(t testing.TB, records []map[string]any) map[string]any {
	t.Helper()
	if len(records) == 0 {
		t.Fatal("there is no record of it")
	}
	return records[len(records)-1]
}

// create and rotate are the two ways to ask for a birth.
func (b *bench) create() error {
	b.t.Helper()
	_, err := try[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{})
	return err
}

func (b *bench) rotate(key string) error {
	b.t.Helper()
	_, err := try[*api.RotateKeyOnDemandOutput](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key})
	return err
}

// as asks as root with a context of the test's own, from any goroutine.
func (b *bench) as(ctx context.Context, operation string, in kms.Input) error {
	_, err := b.service.Do(ctx, kms.Request{Operation: operation, Caller: b.root(), Input: in})
	return err
}

// rand is where the tests draw ids from.
func (*stage) rand() io.Reader { return rand.Reader }

// reopen closes everything as a clean stop does, and starts again.
func (s *stage) reopen() {
	s.t.Helper()
	s.service.Close(s.t.Context())
	s.crash()
}
