package hsm

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// often is how many times a test draws where two things that have both happened are chosen from by lot.
const often = 64

// bare is a token that serves, with one idle session, and no library behind it: whatever calls the library panics.
func bare() *Token {
	t := &Token{
		cfg:  Config{CallTimeout: time.Minute, Now: func() time.Time { return time.Unix(0, 0) }},
		log:  slog.New(slog.DiscardHandler),
		mod:  &module{path: "/bare", change: newTurn(), shelf: newShelf(), open: map[*Token]bool{}},
		pool: newPool(1, 1), ladder: newLadder(), changes: newTurn(),
	}
	t.ladder.setLocked(Healthy, nil, time.Time{})
	t.mod.life.Store(1)
	t.place.Store(&place{slot: 7, life: 1})
	t.epoch.Store(&epoch{number: 1, life: 1, handles: newHandles()})
	t.pool.idle = []*session{{life: 1}}
	return t
}

// deaf is a context whose end is told by Done only, as to somebody who looks a moment too early.
type deaf struct{ context.Context }

func (deaf) Err() error { return nil }

func TestAChangeThatNeverRanAndWasLeftEndsItsTurn(t *testing.T) {
	for range often {
		tok := bare()
		tok.pool.idle[0].life = 0 // so that the flight refuses it
		ctx, leave := context.WithCancel(t.Context())
		tok.cfg.PoolWait = func(time.Duration) { leave() }
		_ = tok.alone(deaf{ctx}, 1, func(*session, *epoch) error { panic("it ran") })
		next, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := tok.changes.take(next)
		cancel()
		if err != nil {
			t.Fatalf("the next change: %v", err)
		}
	}
}

func TestAFlightThatHasLandedIsNotGivenUp(t *testing.T) {
	m := bare().mod
	for range often {
		timer := time.NewTimer(0)
		time.Sleep(time.Millisecond)
		done := make(chan error, 1)
		done <- nil
		lost := false
		m.watch(flight{lost: func() { lost = true }, late: func(_ error, wasLost bool) { lost = lost || wasLost }}, done, timer)
		if lost {
			t.Fatal("a call that has returned counts as lost")
		}
	}
}

func TestNobodyTakesATurnAfterHisTime(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range often {
		if newTurn().take(ended) == nil {
			t.Fatal("a turn for nobody")
		}
	}
}

func TestAVerdictFromAnEndedEpochIsNotBelieved(t *testing.T) {
	for name, verdict := range map[string]error{
		"refused data":   &Error{Function: "C_Decrypt", Code: pkcs11.CKR_ENCRYPTED_DATA_INVALID, Class: ClassData},
		"a broken rule":  untrusted("it is another key"),
		"a good result":  nil,
		"nothing listed": notFound(device.ObjectID{1}),
	} {
		tok := bare()
		e, wiped := tok.epoch.Load(), false
		err := tok.runOn(tok.pool.idle[0], use{epoch: e, late: func() { wiped = true }, run: func(*session) error {
			e.over.Store(true)
			return verdict
		}})
		if !errors.Is(err, errOver) || !wiped {
			t.Errorf("%s: got %v, wiped %t", name, err, wiped)
		}
	}
}

func TestNothingIsDestroyedByAHandleOfAnEndedEpoch(t *testing.T) {
	tok := bare()
	e := tok.epoch.Load()
	tok.epoch.Store(&epoch{number: 2, life: 1, handles: newHandles()})
	if err := tok.destroy(tok.pool.idle[0], e, 1); !errors.Is(err, errOver) {
		t.Errorf("got %v", err)
	}
}

func TestARenewalThatNeverRanLeavesThePlace(t *testing.T) {
	tok := bare()
	tok.mod.gate.shut = true
	if err := tok.renew(t.Context(), &climb{}, false); !errors.Is(err, errShut) {
		t.Errorf("got %v", err)
	}
	if got := *tok.place.Load(); got != (place{slot: 7, life: 1}) {
		t.Errorf("the token is at %+v", got)
	}
}

// Two tokens of one module fail together; the second waits for the first's new initialisation, and needs no other.
func TestALifeIsEndedOnce(t *testing.T) {
	m := bare().mod
	first := m.life.Load()
	m.life.Add(1)
	if err := m.reinitialise(t.Context(), rebirth{life: first, wait: time.Minute}); !errors.Is(err, errReborn) {
		t.Errorf("got %v", err)
	}
	if err := m.change.take(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAReleaseThatCannotWaitIsMadeUpFor(t *testing.T) {
	m := bare().mod
	m.refs, m.initialised = 2, true
	if err := m.change.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.release(time.Millisecond); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	m.change.give()
	for deadline := time.After(time.Minute); ; time.Sleep(time.Millisecond) {
		if err := m.change.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		refs := m.refs
		m.change.give()
		if refs == 1 {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%d users are counted", refs)
		default:
		}
	}
}

func TestAHandleFoundBeforeADestructionIsForgotten(t *testing.T) {
	h, id, other := newHandles(), device.ObjectID{1}, device.ObjectID{2}
	listed := map[device.ObjectID]pkcs11.ObjectHandle{id: 5, other: 6}
	mark := h.mark()
	if got, err := h.get(t.Context(), id, func() (pkcs11.ObjectHandle, error) {
		h.forget(id) // the object was destroyed as soon as it was found
		return 5, nil
	}); got != 5 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	h.learn(id, 5, mark)
	h.learnAll(listed, mark)
	if got, ok := h.peek(id); ok {
		t.Errorf("handle %d of a destroyed key is remembered", got)
	}
	if _, ok := h.peek(other); !ok {
		t.Error("the other key of the listing is not remembered")
	}
	// An object that is seen after the destruction is there, however it came.
	h.learnAll(listed, h.mark())
	if _, ok := h.peek(id); !ok {
		t.Error("a key that is there is not remembered")
	}
}

func TestWhatIsKeptOfDestroyedKeysIsBounded(t *testing.T) {
	h, id := newHandles(), device.ObjectID{1}
	mark := h.mark()
	h.forget(id)
	for n := range 3 * mostForgot {
		h.forget(device.ObjectID{2, byte(n >> 16), byte(n >> 8), byte(n)})
		if len(h.forgot) > mostForgot {
			t.Fatalf("%d ids are kept after %d destructions", len(h.forgot), n+1)
		}
	}
	h.learn(id, 5, mark)
	if got, ok := h.peek(id); ok {
		t.Errorf("handle %d of a destroyed key is remembered", got)
	}
	h.learn(id, 5, h.mark())
	if _, ok := h.peek(id); !ok {
		t.Error("a key that is there is not remembered")
	}
}

func TestNoKeyIsMadeForWhoHasLeft(t *testing.T) {
	tok := bare()
	b := new(birth)
	if b.leave() {
		t.Error("a birth that has not begun counts as tried")
	}
	if _, err := tok.generateAlone(tok.pool.idle[0], b); !errors.Is(err, errOver) {
		t.Errorf("got %v", err)
	}
}

func TestInputIsWipedThoughItWasNeverUsed(t *testing.T) {
	tok := &Token{pool: newPool(1, 1)}
	tok.pool.close()
	input := []byte("plaintext")
	err := tok.once(t.Context(), use{input: input, run: func(*session) error { return nil }})
	if !errors.Is(err, device.ErrUnavailable) || string(input) != string(make([]byte, len(input))) {
		t.Errorf("%q is left, after %v", input, err)
	}
}
