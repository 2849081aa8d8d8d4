package ops_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/audit"
	"github.com/keyhold/keyhold/kms/keyspec"
)

func (s *stage) describe(key string) keyspec.KeyState {
	s.t.Helper()
	return must[*api.DescribeKeyOutput](s.bench, "DescribeKey", &api.DescribeKeyInput{KeyID: &key}).KeyMetadata.KeyState
}

func TestAChangeWhoseEventCannotBeLoggedStandsAndItsEventFollowsOnce(t *testing.T) {
	faults := map[string]func(w *world){
		"the log is full":                      func(w *world) { w.set(once("log.Append", 1, errFault), nil) },
		"the log takes it and does not say so": func(w *world) { w.set(nil, once("log.Append", 1, errFault)) },
		"the outbox cannot be read":            func(w *world) { w.set(once("store.Outbox", 1, errFault), nil) },
		"the outbox cannot be emptied":         func(w *world) { w.set(once("store.Drained", 1, errFault), nil) },
		"the outbox is emptied unheard":        func(w *world) { w.set(nil, once("store.Drained", 1, errFault)) },
	}
	ways := map[string]func(s *stage){
		"with the next change":   func(s *stage) { s.newKey() },
		"with a clean restart":   func(s *stage) { s.reopen() },
		"with the next crash":    func(s *stage) { s.crash() },
		"after two more crashes": func(s *stage) { s.crash(); s.crash() },
	}
	for fault, arrange := range faults {
		for way, recover := range ways {
			t.Run("when "+fault+" it follows "+way, func(t *testing.T) {
				s := newStage(t)
				key := s.newKey()
				arrange(s.world)
				refused(t, s.as(t.Context(), "DisableKey", &api.DisableKeyInput{KeyID: &key}), "KMSInternalException")
				s.world.heal()
				if state := s.describe(key); state != keyspec.StateDisabled {
					t.Errorf("the key is %s: the change was undone", state)
				}
				recover(s)
				if events := s.events("DisableKey"); len(events) != 1 || events[0]["errorCode"] != nil {
					t.Errorf("the log tells %v", events)
				}
				s.sound(t)
			})
		}
	}
}

func TestAProcessThatDiesAtAnyStepOfAChangeLogsItOnceOrNotAtAll(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	for step := range 100 {
		want := fmt.Sprintf("step %d", step)
		events := len(s.done("UpdateKeyDescription"))
		s.world.set(mortal(step), nil)
		err := s.as(t.Context(), "UpdateKeyDescription", &api.UpdateKeyDescriptionInput{KeyID: &key, Description: &want})
		s.crash()
		s.sound(t)
		made := must[*api.DescribeKeyOutput](s.bench, "DescribeKey", &api.DescribeKeyInput{KeyID: &key}).KeyMetadata.Description
		if told := len(s.done("UpdateKeyDescription")) - events; (told == 1) != (made == want) || told > 1 || err == nil && told != 1 {
			t.Errorf("after step %d: the description is %q and the log tells of %d changes; the answer was %v", step, made, told, err)
		}
		if err == nil {
			return
		}
	}
	t.Error("a change never succeeds, however late the process dies")
}

// An answer that could not be recorded is not given, and nothing that it would have held.
func TestAnAnswerThatCannotBeRecordedIsNotGiven(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	blob := s.encrypt(key, "x", nil)
	s.log.failWith(errFault)
	for operation, in := range map[string]kms.Input{
		"Decrypt":         &api.DecryptInput{CiphertextBlob: blob},
		"GenerateDataKey": &api.GenerateDataKeyInput{KeyID: &key, NumberOfBytes: new(int32(32))},
		"GenerateRandom":  &api.GenerateRandomInput{NumberOfBytes: new(int32(32))},
		"DescribeKey":     &api.DescribeKeyInput{KeyID: &key},
		"Encrypt":         &api.EncryptInput{}, // refused, and even that is not told
	} {
		out, err := s.service.Do(t.Context(), kms.Request{Operation: operation, Caller: s.root(), Input: in})
		refused(t, err, "KMSInternalException")
		if out != nil {
			t.Errorf("%s answers %v", operation, out)
		}
	}
	s.log.failWith(nil)
	s.sound(t)
}

// narrowLog refuses what audit.Log refuses.
type narrowLog struct{ *memoryLog }

func (l narrowLog) Append(ctx context.Context, records ...[]byte) error {
	size := 0
	for _, r := range records {
		if size += len(r) + 64; len(r) > audit.MaxRecord || size >= 4<<20 {
			return fmt.Errorf("the records have %d bytes together", size)
		}
	}
	return l.memoryLog.Append(ctx, records...)
}

// A log that was full for a while finds more in the outbox than it takes at once.
func TestEventsThatPiledUpWhileTheLogWasFullAreTakenInPieces(t *testing.T) {
	s := newStage(t, func(c *kms.Config) {
		log, _ := c.Log.(*stageLog)
		c.Log = narrowLog{log.memoryLog}
	})
	s.world.set(func(call string) error {
		if call == "store.Outbox" {
			return errFault
		}
		return nil
	}, nil)
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*","Resource":"*"}]%s}`,
		account, strings.Repeat(" ", 32000))
	const n = 5 << 20 / 32000
	for range n {
		refused(t, s.as(t.Context(), "CreateKey", &api.CreateKeyInput{Policy: &policy}), "KMSInternalException")
	}
	s.world.heal()
	s.newKey()
	if got := len(s.events("CreateKey")); got != n+1 {
		t.Errorf("%d of %d events are in the log", got, n+1)
	}
}

// breaking are operations that no server has: they panic, before or after they have begun a birth.
var (
	breaking = kms.Operation[*breakInput, *api.Void]{
		Name: "Break", Effect: kms.Use,
		Targets: func(in *breakInput) []kms.Target { return []kms.Target{kms.KeyOnly(&in.key, "kms:Break")} },
		Admit:   kms.Admit[*breakInput]{States: []kms.StateRule{kms.StatesAny}},
		Run:     func(context.Context, *kms.Call, *breakInput) (*api.Void, error) { panic("broken") },
	}
	stillborn = kms.Operation[*breakInput, *api.Void]{
		Name: "Stillborn", Effect: kms.Mutate,
		Targets: breaking.Targets, Admit: breaking.Admit,
		Change: func(ctx context.Context, c *kms.Call, _ *breakInput) (kms.Change, *api.Void, error) {
			if _, err := c.Birth(ctx, c.Key(0).ID(), 2, keyspec.RotationOnDemand); err != nil {
				return kms.Change{}, nil, err
			}
			panic(errFault)
		},
	}
)

type breakInput struct{ key string }

func (*breakInput) Validate() error { return nil }

func TestAnOperationThatPanicsIsAnsweredRecordedAndUndone(t *testing.T) {
	var text *strings.Builder
	s := newStage(t, func(c *kms.Config) {
		c.Table = append(c.Table, breaking, stillborn)
		text = logged(c)
	})
	key := s.newKey()
	for range 2 { // the second finds no lock held by the first
		for _, operation := range []string{"Break", "Stillborn"} {
			before := len(s.log.all())
			refused(t, s.as(t.Context(), operation, &breakInput{key}), "KMSInternalException", "An internal error occurred. Try again.")
			records := s.log.all()[before:]
			if len(records) != 1 || records[0]["errorCode"] != "KMSInternalException" || records[0]["eventName"] != operation {
				t.Errorf("it is recorded as %v", records)
			}
			s.sound(t)
		}
	}
	if !strings.Contains(text.String(), "an operation panicked") || !strings.Contains(text.String(), "lifecycle_outbox_test.go") {
		t.Errorf("the operator is told %s", text)
	}
	must[*api.DisableKeyOutput](s.bench, "DisableKey", &api.DisableKeyInput{KeyID: &key})
	if r, err := s.service.Reconcile(t.Context()); err != nil || len(r.Settled) > 0 {
		t.Errorf("the reconciler found %+v, %v", r, err)
	}
}

// A token whose driver panics during a renewal, which no operation asked for, must not leave the birth under way for ever.
func TestARenewalThatPanicsIsUndone(t *testing.T) {
	s := newStage(t, share(2, 1<<32))
	key := s.newKey()
	s.encrypt(key, "x", nil)
	s.world.set(nil, func(call string) error {
		if call == "token.GenerateKey" {
			s.world.heal()
			panic(errFault)
		}
		return nil
	})
	refused(t, s.as(t.Context(), "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}), "KMSInternalException")
	s.sound(t)
	s.encrypt(key, "x", nil)
	s.sound(t)
}
