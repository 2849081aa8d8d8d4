package ops_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// mishaps are the ways in which a birth can fail, and what the caller is told.
var mishaps = []struct {
	name   string
	spoil  func(s *stage)
	answer string
}{
	{"the intent cannot be authenticated", before("token.MAC", 1, device.ErrUnavailable), "KeyUnavailableException"},
	{"the intent cannot be written", before("store.PutBirth", 1, errFault), "KMSInternalException"},
	{"the intent is written and the store does not say so", after("store.PutBirth", 1, errFault), "KMSInternalException"},
	{"the token is away", before("token.GenerateKey", 1, device.ErrUnavailable), "KeyUnavailableException"},
	{"the token is busy", before("token.GenerateKey", 1, device.ErrBusy), "ThrottlingException"},
	{"the token is full", before("token.GenerateKey", 1, device.ErrCapacity), "LimitExceededException"},
	{"the token refuses the login", before("token.GenerateKey", 1, device.ErrLogin), "KeyUnavailableException"},
	{"the token made a key that breaks a rule", before("token.GenerateKey", 1, device.ErrUntrusted), "KeyUnavailableException"},
	{"the token cannot make such keys", before("token.GenerateKey", 1, device.ErrUnsupported), "KeyUnavailableException"},
	{"the key is made and the reply lost", after("token.GenerateKey", 1, device.ErrUnavailable), "KeyUnavailableException"},
	{"half a key is left, without value", debris(kmstest.DebrisWithoutValue), "KeyUnavailableException"},
	{"half a key is left, without id", debris(kmstest.DebrisWithoutID), "KeyUnavailableException"},
	{"the canary cannot be sealed", before("token.Encrypt", 1, device.ErrUnavailable), "KeyUnavailableException"},
	{"the sealed canary is lost", after("token.Encrypt", 1, device.ErrBusy), "ThrottlingException"},
	{"the canary comes back with an IV that no blob can hold", sealed(func(c device.Sealed) device.Sealed {
		c.IV = append(c.IV, 0)
		return c
	}), "KeyUnavailableException"},
	{"the canary comes back cut", sealed(func(c device.Sealed) device.Sealed {
		c.Ciphertext = c.Ciphertext[1:]
		return c
	}), "KeyUnavailableException"},
	{"the canary cannot be opened", before("token.Decrypt", 1, device.ErrUnavailable), "KeyUnavailableException"},
	{"the token refuses its own canary", sealed(func(c device.Sealed) device.Sealed {
		c.Ciphertext[0] ^= 1
		return c
	}), "KeyUnavailableException"},
	{"the canary opens to something else", opened(func([]byte) []byte { return make([]byte, 32) }), "KeyUnavailableException"},
	{"the rows cannot be authenticated", before("token.MAC", 2, device.ErrBusy), "ThrottlingException"},
	{"the change is not made", before("store.Apply", 1, errFault), "KMSInternalException"},
}

func before(call string, n int, err error) func(*stage) {
	return func(s *stage) { s.world.set(once(call, n, err), nil) }
}

func after(call string, n int, err error) func(*stage) {
	return func(s *stage) { s.world.set(nil, once(call, n, err)) }
}

func debris(kind kmstest.Debris) func(*stage) {
	return func(s *stage) { s.bench.device.LeaveDebris(kind) }
}

func sealed(change func(device.Sealed) device.Sealed) func(*stage) {
	return func(s *stage) { s.device.sealed = change }
}

func opened(change func([]byte) []byte) func(*stage) {
	return func(s *stage) { s.device.opened = change }
}

func (s *stage) repair() {
	s.world.heal()
	s.device.sealed, s.device.opened = nil, nil
}

// askers are the two operations that make keys.
func (s *stage) askers(key string) map[string]func() error {
	return map[string]func() error{"CreateKey": s.create, "RotateKeyOnDemand": func() error { return s.rotate(key) }}
}

func TestABirthThatFailsLeavesNothingBehindAndTheNextOneSucceeds(t *testing.T) {
	for operation := range (&stage{}).askers("") {
		s := newStage(t)
		key := s.newKey()
		blob := s.encrypt(key, "sealed before", nil)
		for _, m := range mishaps {
			t.Run(operation+" when "+m.name, func(t *testing.T) {
				objects := len(s.bench.device.Objects())
				m.spoil(s)
				err := s.askers(key)[operation]()
				s.repair()
				refused(t, err, m.answer)
				if record := lastOf(t, s.events(operation)); record["errorCode"] != m.answer {
					t.Errorf("it is recorded as %v", record["errorCode"])
				}
				if now := len(s.bench.device.Objects()); now != objects {
					t.Errorf("the token has %d objects, and had %d", now, objects)
				}
				s.sound(t)
				if err := s.askers(key)[operation](); err != nil {
					t.Errorf("the next one: %v", err)
				}
				if plain, err := s.decrypt(blob, nil); plain != "sealed before" {
					t.Errorf("what was sealed before opens to %q, %v", plain, err)
				}
			})
		}
		s.sound(t)
	}
}

// Whether a disk that failed during a commit has made the change is not known until somebody looks. The answer is an
// error; if the change stands, so does its event, besides the record of the answer.
func TestAChangeThatWasMadeThoughTheStoreDidNotSaySoIsWhole(t *testing.T) {
	for operation := range (&stage{}).askers("") {
		t.Run(operation, func(t *testing.T) {
			s := newStage(t)
			key := s.newKey()
			objects, events := len(s.bench.device.Objects()), len(s.events(operation))
			s.world.set(nil, once("store.Apply", 1, errFault))
			refused(t, s.askers(key)[operation](), "KMSInternalException")
			s.crash()
			s.sound(t)
			if now := len(s.bench.device.Objects()); now != objects+1 {
				t.Errorf("the token has %d objects, and had %d", now, objects)
			}
			var codes []any
			for _, r := range s.events(operation)[events:] {
				codes = append(codes, r["errorCode"])
			}
			if fmt.Sprint(codes) != "[KMSInternalException <nil>]" {
				t.Errorf("the log tells of answers %v: want the error that was given, and the change that was made", codes)
			}
		})
	}
}

func TestAProcessThatDiesAtAnyStepOfABirthLeavesNothingUsableBehind(t *testing.T) {
	for operation := range (&stage{}).askers("") {
		t.Run(operation, func(t *testing.T) {
			s := newStage(t, func(c *kms.Config) { c.MaxOnDemandRotations = 0 })
			key := s.newKey()
			blob := s.encrypt(key, "sealed before", nil)
			for step := range 200 {
				generations, events := len(s.allGenerations(t)), len(s.done(operation))
				s.world.set(mortal(step), nil)
				err := s.askers(key)[operation]()
				s.crash()
				s.sound(t)
				made, told := len(s.allGenerations(t))-generations, len(s.done(operation))-events
				if made != told || err == nil && made != 1 {
					t.Errorf("after step %d: %d generations more, of which %d are in the log; the answer was %v", step, made, told, err)
				}
				if plain, err := s.decrypt(blob, nil); plain != "sealed before" {
					t.Errorf("after step %d, what was sealed before opens to %q, %v", step, plain, err)
				}
				if err == nil {
					if step < 8 {
						t.Errorf("it took %d steps only: do all calls go through the stage?", step)
					}
					return
				}
			}
			t.Error("a birth never succeeds, however late the process dies")
		})
	}
}

// The token fails while a birth that failed is cleared away: nothing of it may be forgotten before it is gone.
func TestABirthThatIsClearedAwayHaltinglyIsClearedAwayInTheEnd(t *testing.T) {
	for fails := 1; fails <= 4; fails++ {
		t.Run(fmt.Sprintf("the %d. destruction fails", fails), func(t *testing.T) {
			s := newStage(t)
			canary, destruction := once("token.Encrypt", 1, device.ErrUnavailable), once("token.DestroyKey", fails, device.ErrBusy)
			s.world.set(func(call string) error { return errors.Join(canary(call), destruction(call)) }, nil)
			refused(t, s.create(), "KeyUnavailableException")
			for range 3 {
				_, _ = s.service.Reconcile(t.Context()) // one of them meets the failure
			}
			s.world.heal()
			if _, err := s.service.Reconcile(t.Context()); err != nil {
				t.Error(err)
			}
			s.sound(t)
		})
	}
}

func (s *stage) allGenerations(t testing.TB) []string {
	t.Helper()
	rows, err := s.bench.store.Generations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, g := range rows {
		all = append(all, g.Object.String())
	}
	return all
}

// done are the records of an operation that succeeded.
func (s *stage) done(operation string) []map[string]any {
	var ok []map[string]any
	for _, r := range s.events(operation) {
		if r["errorCode"] == nil {
			ok = append(ok, r)
		}
	}
	return ok
}

func TestABirthThatTheTokenDoesNotLetSettleIsSettledWhenItIsBack(t *testing.T) {
	for name, wait := range map[string]func(*testing.T, *stage){
		"by the reconciler": func(t *testing.T, s *stage) {
			r, err := s.service.Reconcile(t.Context())
			if err != nil || len(r.Settled) != 2 {
				t.Errorf("settled %v, %v", r.Settled, err)
			}
		},
		"by the next start": func(_ *testing.T, s *stage) { s.crash() },
		"by the next birth that fails half-way": func(t *testing.T, s *stage) {
			s.bench.device.LeaveDebris(kmstest.DebrisWithoutID)
			refused(t, s.create(), "KeyUnavailableException")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.world.set(nil, func(call string) error {
				if call == "token.GenerateKey" {
					s.bench.device.SetDown(true)
				}
				return nil
			})
			refused(t, s.create(), "KeyUnavailableException")
			s.world.heal()
			if open := s.openBirths(t); len(open) != 2 {
				t.Fatalf("%d intents are open, want those of the object and its marker", len(open))
			}
			if _, err := s.service.Reconcile(t.Context()); !errors.Is(err, device.ErrUnavailable) {
				t.Errorf("the reconciler says %v of a token that is down", err)
			}
			if open := s.openBirths(t); len(open) != 2 {
				t.Fatalf("%d intents are open after a look at a token that is down, want 2", len(open))
			}
			s.bench.device.SetDown(false)
			if extra, _ := s.strays(t); len(extra) != 1 {
				t.Fatalf("the token holds %v: the test needs an orphan", extra)
			}
			wait(t, s)
			s.sound(t)
		})
	}
}

func TestACallerWhoGoesAwayDuringABirthLeavesNothingBehind(t *testing.T) {
	for _, place := range []kmstest.Place{kmstest.BeforeCall, kmstest.BeforeReply} {
		for _, method := range []kmstest.Method{kmstest.MethodGenerateKey, kmstest.MethodEncrypt, kmstest.MethodDecrypt} {
			t.Run(fmt.Sprint(method, " ", place), func(t *testing.T) {
				s := newStage(t)
				gate := s.bench.device.Block(method, place)
				ctx, cancel := context.WithCancel(t.Context())
				answer := make(chan error)
				go func() { answer <- s.as(ctx, "CreateKey", &api.CreateKeyInput{}) }()
				gate.Await(t, 1)
				cancel()
				refused(t, <-answer, "DependencyTimeoutException")
				gate.Release()
				s.sound(t)
			})
		}
	}
}
