package ops_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// authenticate gives an intent the code that docs/format.md defines, as only who holds the token can.
func (s *stage) authenticate(b kms.BirthRow) kms.BirthRow {
	s.t.Helper()
	field := func(to, octets []byte) []byte {
		return append(binary.BigEndian.AppendUint32(to, uint32(len(octets))), octets...)
	}
	row := []byte("keyhold row v1")
	for _, f := range []string{"births", string(b.Object[:]), string(b.KeyID), b.Token} {
		row = field(row, []byte(f))
	}
	for _, n := range []int64{int64(b.Number), int64(b.StartedAt)} {
		row = field(row, binary.BigEndian.AppendUint64(nil, uint64(n)))
	}
	sum := sha256.Sum256(row)
	mac, err := s.bench.device.MAC(s.t.Context(), s.service.Meta().RowKey, append([]byte("keyhold row v1 digest\x00"), sum[:]...))
	if err != nil {
		s.t.Fatal(err)
	}
	b.MAC = mac
	return b
}

func (s *stage) putBirth(b kms.BirthRow) {
	s.t.Helper()
	if err := s.bench.store.PutBirth(s.t.Context(), b); err != nil {
		s.t.Fatal(err)
	}
}

// The intents in the database decide what is destroyed in the token, so whoever can write to the database must not be
// able to have a live object destroyed by one.
func TestNoIntentThatSomebodyPutIntoTheDatabaseDestroysALiveObject(t *testing.T) {
	cases := []struct {
		name    string
		intent  func(s *stage, g kms.GenerationRow) kms.BirthRow
		forge   func(s *stage, g kms.GenerationRow)
		accepts bool
	}{
		{
			name: "a forged intent",
			intent: func(_ *stage, g kms.GenerationRow) kms.BirthRow {
				return kms.BirthRow{Object: g.Object, KeyID: g.KeyID, Number: 9, Token: "fake", StartedAt: 1, MAC: make([]byte, 32)}
			},
		},
		{
			name: "an authentic intent of another birth, edited",
			intent: func(s *stage, g kms.GenerationRow) kms.BirthRow {
				b := s.store.intents[len(s.store.intents)-1]
				b.Object = s.store.intents[0].Object
				return b
			},
		},
		{
			name:    "the key's own intent, put back",
			intent:  func(s *stage, _ kms.GenerationRow) kms.BirthRow { return s.store.intents[0] },
			accepts: true,
		},
		{
			name:   "the key's own intent, put back, and its generation's row removed",
			intent: func(s *stage, _ kms.GenerationRow) kms.BirthRow { return s.store.intents[0] },
			forge: func(s *stage, g kms.GenerationRow) {
				without := func(rows []kms.GenerationRow) []kms.GenerationRow {
					return slices.DeleteFunc(rows, func(r kms.GenerationRow) bool { return r.Object == g.Object })
				}
				s.store.generations = without
				s.store.key = func(r kms.KeyRecord) kms.KeyRecord { r.Generations = without(r.Generations); return r }
			},
		},
		{
			name:   "the key's own intent, put back, and its generation's row turned to another object",
			intent: func(s *stage, _ kms.GenerationRow) kms.BirthRow { return s.store.intents[0] },
			forge: func(s *stage, g kms.GenerationRow) {
				turned := func(rows []kms.GenerationRow) []kms.GenerationRow {
					for i := range rows {
						if rows[i].Object == g.Object {
							rows[i].Object[0] ^= 1
						}
					}
					return rows
				}
				s.store.generations = turned
				s.store.key = func(r kms.KeyRecord) kms.KeyRecord { r.Generations = turned(r.Generations); return r }
			},
		},
		{
			name: "an authentic intent for the object that authenticates the rows",
			intent: func(s *stage, g kms.GenerationRow) kms.BirthRow {
				return s.authenticate(kms.BirthRow{Object: s.service.Meta().RowKey, KeyID: g.KeyID, Number: 2, Token: "fake", StartedAt: 1})
			},
			accepts: true,
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := newStage(t)
			key := s.newKey()
			blob := s.encrypt(key, "precious", nil)
			s.newKey()
			objects := s.bench.device.Objects()
			g := s.generations(t, key)[0]
			s.putBirth(tc.intent(s, g))
			if tc.forge != nil {
				tc.forge(s, g)
			}
			for _, reconcile := range []func() (kms.Reconciliation, error){
				func() (kms.Reconciliation, error) { return s.service.Reconcile(t.Context()) },
				func() (kms.Reconciliation, error) { return s.service.RemoveDebris(t.Context()) },
			} {
				r, err := reconcile()
				var tampered *kms.TamperError
				if told := errors.As(err, &tampered) || len(r.Forged) > 0; told == tc.accepts && len(s.openBirths(t)) > 0 {
					t.Errorf("the reconciler did %+v and says %v", r, err)
				}
			}
			s.crash()
			// On the operator's word a forged intent is closed, and not followed.
			if open := len(s.openBirths(t)); (open == 0) != (tc.accepts || tc.forge == nil) {
				t.Errorf("%d intents are open", open)
			}
			s.store.generations, s.store.key = nil, nil // the rows are restored
			s.crash()
			if now := s.bench.device.Objects(); fmt.Sprint(now) != fmt.Sprint(objects) {
				t.Fatalf("the token holds %v, and held %v", now, objects)
			}
			if plain, err := s.decrypt(blob, nil); plain != "precious" {
				t.Errorf("what was sealed opens to %q, %v", plain, err)
			}
		})
	}
}

// halfMade are objects as a dying process leaves them, and objects of others that look alike.
var (
	withoutValue = device.Object{ID: []byte{1, 2, 3}, Label: "half", Class: "secret key", KeyType: "AES"}
	withoutID    = device.Object{Label: "nameless", Class: "secret key", KeyType: "AES", HasValue: true}
	strangers    = []device.Object{
		{ID: []byte("their key"), Label: "theirs", Class: "secret key", KeyType: "AES", HasValue: true},
		{ID: []byte("their pair"), Label: "private", Class: "private key", KeyType: "RSA", HasValue: false},
		{Label: "a certificate", Class: "certificate", HasValue: true},
		{Label: "notes", Class: "data"},
	}
)

// cutShort leaves an open intent, by which the reconciler knows that a birth was cut short.
func (s *stage) cutShort() {
	s.t.Helper()
	id, err := kms.NewKeyID(s.rand())
	if err != nil {
		s.t.Fatal(err)
	}
	object, err := device.NewObjectID(s.rand())
	if err != nil {
		s.t.Fatal(err)
	}
	s.putBirth(s.authenticate(kms.BirthRow{Object: object, KeyID: id, Number: 1, Token: "fake", StartedAt: kms.MicrosOf(s.clock.Now())}))
}

func (s *stage) labels() []string {
	var all []string
	for _, o := range s.bench.device.Objects() {
		all = append(all, o.Label)
	}
	return all
}

func TestDebrisIsRemovedWhereTheTokenIsOursOrSomebodySaysSo(t *testing.T) {
	cases := []struct {
		name                   string
		shared, cutShort, asks bool
		removed, told          []string
	}{
		{"an exclusive token after a birth that was cut short", false, true, false, []string{"half"}, nil},
		{"an exclusive token when nothing was cut short", false, false, false, []string{"half"}, nil},
		{"a shared token when nothing was cut short", true, false, false, nil, nil},
		{"an exclusive token on the operator's word", false, false, true, []string{"half"}, nil},
		{"a shared token after a birth that was cut short", true, true, false, nil, []string{"half"}},
		{"a shared token on the operator's word", true, false, true, []string{"half"}, nil},
		{"a shared token on the operator's word after a birth that was cut short", true, true, true, []string{"half"}, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := newStage(t)
			s.device.shared = tc.shared
			key := s.newKey()
			for _, o := range append([]device.Object{withoutValue, withoutID}, strangers...) {
				s.bench.device.Plant(o)
			}
			if tc.cutShort {
				s.cutShort()
			}
			want := slices.DeleteFunc(s.labels(), func(l string) bool { return slices.Contains(tc.removed, l) })
			reconcile := s.service.Reconcile
			if tc.asks {
				reconcile = s.service.RemoveDebris
			}
			r, err := reconcile(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := s.labels(); !slices.Equal(got, want) {
				t.Errorf("the token holds %v, want %v", got, want)
			}
			if len(r.Removed) != len(tc.removed) || len(r.Debris) != len(tc.told) || (len(r.Settled) == 1) != tc.cutShort {
				t.Errorf("it tells of %+v", r)
			}
			s.encrypt(key, "x", nil)
		})
	}
}

// What a failed birth left may show only when the token is opened again, and then no intent tells of it.
func TestAServerRemovesHalfMadeObjectsWhenItStarts(t *testing.T) {
	for name, tc := range map[string]struct{ sweeps, shared, removed bool }{
		"a server":                   {sweeps: true, removed: true},
		"a server on a shared token": {sweeps: true, shared: true},
		"a command":                  {},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.device.shared = tc.shared
			key := s.newKey()
			for _, o := range append([]device.Object{withoutValue}, strangers...) {
				s.bench.device.Plant(o)
			}
			want := slices.DeleteFunc(s.labels(), func(l string) bool { return tc.removed && l == withoutValue.Label })
			if err := s.open(func(c *kms.Config) { c.Sweep = tc.sweeps }); err != nil {
				t.Fatal(err)
			}
			if got := s.labels(); !slices.Equal(got, want) {
				t.Errorf("the token holds %v, want %v", got, want)
			}
			s.encrypt(key, "x", nil)
		})
	}
}

func TestDebrisThatCannotBeRemovedKeepsTheIntentOpenAndNotTheOrphanAlive(t *testing.T) {
	s := newStage(t)
	s.world.set(nil, once("token.GenerateKey", 1, device.ErrUnavailable))
	s.bench.device.FailNext(kmstest.MethodDestroyKey, 1, device.ErrUnavailable)
	refused(t, s.create(), "KeyUnavailableException")
	s.world.heal()
	s.bench.device.Plant(withoutValue)
	s.bench.device.FailNext(kmstest.MethodDestroyDebris, 1, device.ErrUnsupported)
	r, err := s.service.Reconcile(t.Context())
	if !errors.Is(err, device.ErrUnsupported) || len(r.Settled) != 0 {
		t.Errorf("the reconciler settled %v and says %v", r.Settled, err)
	}
	if extra, _ := s.strays(t); len(extra) != 1 || len(s.openBirths(t)) != 2 {
		t.Errorf("the token holds %v and %d intents are open, want the debris and both intents", extra, len(s.openBirths(t)))
	}
	if r, err = s.service.Reconcile(t.Context()); err != nil || len(r.Settled) != 2 || len(r.Removed) != 1 {
		t.Errorf("the next time it does %+v, %v", r, err)
	}
	s.sound(t)
}

func TestTheReconcilerLeavesBirthsUnderWayAlone(t *testing.T) {
	for _, method := range []kmstest.Method{kmstest.MethodGenerateKey, kmstest.MethodEncrypt, kmstest.MethodDecrypt} {
		t.Run(string(method), func(t *testing.T) {
			s := newStage(t)
			gate := s.bench.device.Block(method, kmstest.BeforeReply)
			answers := make(chan error, 4)
			for range cap(answers) {
				go func() { answers <- s.as(t.Context(), "CreateKey", &api.CreateKeyInput{}) }()
			}
			gate.Await(t, cap(answers))
			s.bench.device.Plant(withoutValue)
			s.cutShort()
			objects := len(s.bench.device.Objects())
			for _, reconcile := range []func() (kms.Reconciliation, error){
				func() (kms.Reconciliation, error) { return s.service.Reconcile(t.Context()) },
				func() (kms.Reconciliation, error) { return s.service.RemoveDebris(t.Context()) },
			} {
				if r, err := reconcile(); err != nil || len(r.Removed)+len(r.Settled) > 0 {
					t.Errorf("with births under way the reconciler did %+v, %v", r, err)
				}
			}
			if now := len(s.bench.device.Objects()); now != objects {
				t.Errorf("%d objects are left of %d", now, objects)
			}
			gate.Release()
			for range cap(answers) {
				if err := <-answers; err != nil {
					t.Error(err)
				}
			}
			// The intent was kept, so that now it is known that there may be debris.
			if r, err := s.service.Reconcile(t.Context()); err != nil || len(r.Settled) != 1 || len(r.Removed) != 1 {
				t.Errorf("afterwards the reconciler did %+v, %v", r, err)
			}
			s.sound(t)
		})
	}
}

func TestARevocationDoesNotWaitForTheReconciler(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	s.cutShort()
	gate := s.bench.device.Block(kmstest.MethodInventory, kmstest.BeforeCall)
	done := make(chan error, 1)
	go func() { _, err := s.service.Reconcile(t.Context()); done <- err }()
	gate.Await(t, 1)
	revoked := make(chan error, 1)
	go func() { revoked <- s.as(t.Context(), "DisableKey", &api.DisableKeyInput{KeyID: &key}) }()
	select {
	case err := <-revoked:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("a key cannot be disabled while the reconciler waits for the token")
	}
	gate.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.sound(t)
}

func TestTheInventoryTellsEveryObjectFromEveryOther(t *testing.T) {
	s := newStage(t)
	lost := s.newKey()
	s.newKey()
	s.bench.device.Vanish(s.generations(t, lost)[0].Object)
	s.cutShort()
	for _, o := range append([]device.Object{withoutValue, withoutID}, strangers...) {
		s.bench.device.Plant(o)
	}
	items, err := s.service.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, i := range items {
		kinds[i.Kind]++
		if i.Kind == "missing" && string(i.KeyID) != lost {
			t.Errorf("missing is the object of %s", i.KeyID)
		}
		if i.Object == hex.EncodeToString(withoutValue.ID) && i.Kind != "debris" {
			t.Errorf("a key without value is a %s", i.Kind)
		}
	}
	want := map[string]int{"row key": 1, "generation": 1, "missing": 1, "debris": 1, "stranger": len(strangers) + 1}
	if fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("it has %v, want %v", kinds, want)
	}
}

// A copy of the directory that was made while a key was being made holds an intent whose object has long become a key.
// Opening it must not cost the key: the token no longer has the marker of the birth.
func TestAnOlderDatabaseDestroysNoKeyThatWasMadeSince(t *testing.T) {
	s := newStage(t)
	s.world.set(nil, nil)
	key := s.newKey()
	blob := s.encrypt(key, "precious", nil)
	intent := s.store.intents[0]
	object := s.generations(t, key)[0].Object
	if intent.Object != object {
		t.Fatalf("the first intent is for %s, the key's object is %s", intent.Object, object)
	}
	s.putBirth(intent)
	s.store.generations = func([]kms.GenerationRow) []kms.GenerationRow { return nil }
	s.world.set(func(call string) error {
		if call == "store.Key" {
			return kms.ErrNotFound // the older database does not know the key
		}
		return nil
	}, nil)
	for _, reconcile := range []func(context.Context) (kms.Reconciliation, error){s.service.Reconcile, s.service.RemoveDebris} {
		r, err := reconcile(t.Context())
		if err != nil || len(r.Kept) != 1 || len(r.Settled) != 0 {
			t.Errorf("the reconciler did %+v, %v", r, err)
		}
	}
	s.world.heal()
	s.store.generations = nil
	s.crash()
	if plain, err := s.decrypt(blob, nil); plain != "precious" {
		t.Errorf("with the newest database in place it opens to %q, %v", plain, err)
	}
}

func TestAnEventThatSomebodyPutIntoTheDatabaseIsRefusedAndTheRefusalRecorded(t *testing.T) {
	s := newStage(t)
	for name, e := range map[string]kms.EventRow{
		"a record like ours": {ID: "11111111-2222-4333-8444-555555555555", Record: []byte(`{"eventName":"Decrypt","eventID":"11111111-2222-4333-8444-555555555555"}`), MAC: make([]byte, 32)},
		"no record at all":   {ID: "x", Record: []byte("not JSON"), MAC: nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(s.log.all())
			if err := s.bench.store.Apply(t.Context(), kms.Change{Events: []kms.EventRow{e}}); err != nil {
				t.Fatal(err)
			}
			s.crash()
			records := s.log.all()[before:]
			if len(records) != 1 || records[0]["eventName"] != "RefuseForgedEvent" {
				t.Errorf("the log has %v", records)
			}
			s.newKey()
			s.sound(t)
		})
	}
}

func TestAnUnknownOperationIsRecorded(t *testing.T) {
	s := newStage(t)
	_, err := s.service.Do(t.Context(), kms.Request{Operation: "MakeCoffee", Caller: s.root()})
	refused(t, err, api.UnknownOperationException)
	if r := lastOf(t, s.events("MakeCoffee")); r["errorCode"] != api.UnknownOperationException {
		t.Errorf("it is recorded as %v", r)
	}
}
