package ops_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/audit"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// patience is longer than any answer here takes that does not wait for what the test ends later.
const patience = time.Minute

// within fails the test when an answer does not come.
func within(t *testing.T, what string, answer <-chan error) error {
	t.Helper()
	select {
	case err := <-answer:
		return err
	case <-time.After(patience):
		t.Fatalf("%s waits for what has not ended", what)
		return nil
	}
}

// reconciling has the reconciler wait for the token, in a call of a method.
func (s *stage) reconciling(t *testing.T, method kmstest.Method) (end func()) {
	t.Helper()
	s.cutShort()
	gate := s.bench.device.Block(method, kmstest.BeforeCall)
	done := make(chan error, 1)
	go func() { _, err := s.service.Reconcile(context.WithoutCancel(t.Context())); done <- err }()
	gate.Await(t, 1)
	return func() {
		gate.Release()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func (s *stage) asked(ctx context.Context, operation string, in kms.Input) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- s.as(ctx, operation, in) }()
	return answer
}

// A token may take minutes for a list of all that it has. Were births to wait for it, so would the revocation of a key
// that is being rotated.
func TestBirthsDoNotWaitForAReconcilerThatLooks(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	end := s.reconciling(t, kmstest.MethodInventory)
	objects := len(s.bench.device.Objects())
	for _, ask := range []struct {
		operation string
		in        kms.Input
	}{
		{"RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key}}, {"CreateKey", &api.CreateKeyInput{}},
		{"DisableKey", &api.DisableKeyInput{KeyID: &key}},
	} {
		if err := within(t, ask.operation, s.asked(t.Context(), ask.operation, ask.in)); err != nil {
			t.Error(err)
		}
	}
	end()
	if made := len(s.bench.device.Objects()) - objects; made != 2 {
		t.Errorf("%d objects more are in the token, of two that were made", made)
	}
	s.sound(t)
}

// While half-made objects are removed no birth begins. Who asked for one and has gone away must not hold on to the key.
func TestWhoWaitsForTheReconcilerMayGiveUpAndHoldsUpNobody(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	s.bench.device.Plant(withoutValue)
	end := s.reconciling(t, kmstest.MethodDestroyDebris)
	ctx, leave := context.WithCancel(t.Context())
	rotated := s.asked(ctx, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key})
	created := s.asked(ctx, "CreateKey", &api.CreateKeyInput{})
	time.Sleep(50 * time.Millisecond) // so that both wait, most of the time; they are refused whenever they come
	leave()
	for operation, answer := range map[string]<-chan error{"RotateKeyOnDemand": rotated, "CreateKey": created} {
		if err := within(t, operation, answer); err == nil {
			t.Errorf("%s was done for nobody", operation)
		}
	}
	if err := within(t, "DisableKey", s.asked(t.Context(), "DisableKey", &api.DisableKeyInput{KeyID: &key})); err != nil {
		t.Error(err)
	}
	end()
	s.sound(t)
}

func TestABirthThatIsOverDoesNotWaitForTheReconciler(t *testing.T) {
	s := newStage(t)
	birth := s.bench.device.Block(kmstest.MethodEncrypt, kmstest.BeforeReply)
	created := s.asked(t.Context(), "CreateKey", &api.CreateKeyInput{})
	birth.Await(t, 1)
	// The reconciler settles what a crash left, and waits for the token there.
	s.cutShort()
	settling := s.bench.device.Block(kmstest.MethodHasKey, kmstest.BeforeCall)
	type answer struct {
		kms.Reconciliation
		error
	}
	done := make(chan answer, 1)
	go func() { r, err := s.service.Reconcile(t.Context()); done <- answer{r, err} }()
	settling.Await(t, 1)
	birth.Release()
	if err := within(t, "CreateKey", created); err != nil {
		t.Error(err)
	}
	settling.Release()
	if a := <-done; a.error != nil || len(a.Settled) != 1 {
		t.Errorf("the reconciler settled %v, and says %v: want what the crash left, and no birth that went well", a.Settled, a.error)
	}
	s.sound(t)
}

// What is destroyed in the token unasked is told to the log, also by a process that cannot reach it now.
func TestWhatTheReconcilerDestroysIsRecordedThoughTheLogIsFull(t *testing.T) {
	for name, reconcile := range map[string]func(*stage) (kms.Reconciliation, error){
		"by itself":              func(s *stage) (kms.Reconciliation, error) { return s.service.Reconcile(s.t.Context()) },
		"on the operator's word": func(s *stage) (kms.Reconciliation, error) { return s.service.RemoveDebris(s.t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.bench.device.Plant(withoutValue)
			s.cutShort()
			s.log.failWith(errFault)
			if r, err := reconcile(s); err != nil || len(r.Settled) != 1 || len(r.Removed) != 1 {
				t.Errorf("it does %+v, %v", r, err)
			}
			s.log.failWith(nil)
			s.crash()
			if told := s.events("ReconcileToken"); len(told) != 1 {
				t.Errorf("the log tells of it %d times", len(told))
			}
			s.sound(t)
		})
	}
}

func TestAnIntentStaysOpenUntilItIsRecordedWhatItLedTo(t *testing.T) {
	s := newStage(t)
	s.cutShort()
	s.world.set(once("store.Apply", 1, errFault), nil)
	s.log.failWith(errFault)
	if r, err := s.service.Reconcile(t.Context()); !errors.Is(err, errFault) || len(r.Settled) != 0 || len(s.openBirths(t)) != 1 {
		t.Errorf("with neither store nor log it settles %v and says %v", r.Settled, err)
	}
	s.log.failWith(nil)
	s.world.set(once("store.Apply", 1, errFault), nil)
	if r, err := s.service.Reconcile(t.Context()); err != nil || len(r.Settled) != 1 || len(s.events("ReconcileToken")) != 1 {
		t.Errorf("without the outbox it settles %v, says %v, and the log tells of %d", r.Settled, err, len(s.events("ReconcileToken")))
	}
	s.sound(t)
}

// The record of the answer must not have the id of the change's own event: one of the two would be lost, or stand twice.
func TestAPanicAfterAChangeWasMadeIsRecordedBesideIt(t *testing.T) {
	for operation := range (&stage{}).askers("") {
		t.Run(operation, func(t *testing.T) {
			s := newStage(t)
			key := s.newKey()
			events := len(s.events(operation))
			fault := once("store.Apply", 1, device.ErrBusy)
			s.world.set(nil, func(call string) error {
				if fault(call) != nil {
					panic("after the change")
				}
				return nil
			})
			refused(t, s.askers(key)[operation](), "KMSInternalException")
			s.world.heal()
			s.newKey() // whose event takes the other one along
			var codes []any
			for _, r := range s.events(operation)[events:] {
				codes = append(codes, r["errorCode"])
			}
			if len(codes) < 2 || codes[0] != "KMSInternalException" || codes[1] != nil {
				t.Errorf("the log tells of answers %v: want the error that was given, and the change that was made", codes)
			}
			s.sound(t)
		})
	}
}

// searchedLog counts how often it has been searched.
type searchedLog struct {
	*memoryLog
	searches *int
}

func (l searchedLog) Has(ctx context.Context, ids []string) (map[string]bool, error) {
	*l.searches++
	return l.memoryLog.Has(ctx, ids)
}

// A log has gigabytes, and all of them would be read with every change that is tried while its disk is full.
func TestALogThatIsFullIsNotSearchedForWhatItHasRefused(t *testing.T) {
	searches := 0
	s := newStage(t, func(c *kms.Config) {
		log, _ := c.Log.(*stageLog)
		c.Log = searchedLog{log.memoryLog, &searches}
	})
	s.log.failWith(fmt.Errorf("%w: no space left on device", audit.ErrUnwritten))
	const changes = 4
	for range changes {
		refused(t, s.create(), "KMSInternalException")
	}
	s.log.failWith(nil)
	s.newKey()
	if got := len(s.events("CreateKey")); got != changes+1 || searches != 0 {
		t.Errorf("%d of %d events are in the log, which was searched %d times", got, changes+1, searches)
	}
	s.sound(t)
}
