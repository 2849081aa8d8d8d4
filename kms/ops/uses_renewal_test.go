package ops_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// The canary is the first use of every generation, so that a count of n leaves n-1 encryptions to callers.
func share(renewAfter, maxUses uint64) func(*kms.Config) {
	return func(c *kms.Config) { c.RenewAfter, c.MaxUses = renewAfter, maxUses }
}

// reserved is the stored count of a generation.
func (s *stage) reserved(t testing.TB, key string, number uint32) uint64 {
	t.Helper()
	record, err := s.bench.store.Key(t.Context(), kms.KeyID(key))
	if err != nil {
		t.Fatal(err)
	}
	return record.Uses[number-1].Reserved
}

func (s *stage) trueUses(t testing.TB, key string, number uint32) uint64 {
	t.Helper()
	return uint64(s.device.sealsOf(s.generations(t, key)[number-1].Object))
}

func TestTheCountOfUsesIsExactAfterACleanStopAndNeverTooLowAfterACrash(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	is := func(when string, want uint64) {
		t.Helper()
		if got := s.reserved(t, key, 1); got != want || got < s.trueUses(t, key, 1) {
			t.Errorf("%s the count is %d, want %d; the true number is %d", when, got, want, s.trueUses(t, key, 1))
		}
	}
	is("of a new key", 1)
	s.encrypt(key, "x", nil)
	is("after one encryption", 1+64)
	s.service.Close(t.Context())
	is("after a clean stop", 2)
	s.service.Close(t.Context())
	is("after another", 2)
	s.crash()
	for range 64 {
		s.encrypt(key, "x", nil)
	}
	is("a restarted process reserves from there", 2+64)
	s.encrypt(key, "x", nil)
	is("the next block is twice as large", 2+64+128)
	s.crash()
	is("after a crash", 2+64+128)
	s.encrypt(key, "x", nil)
	is("after a crash no reserved use is taken again", 2+64+128+64)
	s.world.set(nil, once("token.Encrypt", 1, device.ErrUnavailable))
	_, err := try[*api.EncryptOutput](s.bench, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")})
	refused(t, err, "KeyUnavailableException")
	s.repair()
	s.service.Close(t.Context())
	is("an encryption whose outcome nobody saw counts", 2+64+128+2)
	s.encrypt(key, "x", nil)
	is("who goes on after a stop reserves again", 2+64+128+2+128)
}

func TestUsesThatCannotBeReservedAreNotMade(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	s.world.set(once("store.Apply", 1, errFault), nil)
	_, err := try[*api.EncryptOutput](s.bench, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")})
	refused(t, err, "KMSInternalException")
	if got := s.trueUses(t, key, 1); got != 1 {
		t.Errorf("the token sealed %d times, want the canary only", got)
	}
	s.encrypt(key, "x", nil)
	s.world.set(once("store.Apply", 1, errFault), nil)
	s.service.Close(t.Context()) // costs only numbers
	s.world.heal()
	s.crash()
	s.encrypt(key, "x", nil)
}

// rotations is the history of a key as its owner sees it.
func (b *bench) rotations(key string) []keyspec.RotationType {
	b.t.Helper()
	var types []keyspec.RotationType
	for _, r := range must[*api.ListKeyRotationsOutput](b, "ListKeyRotations", &api.ListKeyRotationsInput{KeyID: &key}).Rotations {
		types = append(types, r.RotationType)
	}
	return types
}

func TestAGenerationThatHadItsShareIsRenewedOnceForAllWhoWait(t *testing.T) {
	s := newStage(t, share(64, 1<<32))
	key := s.newKey()
	var blobs [][]byte
	for range 63 {
		blobs = append(blobs, s.encrypt(key, "old", nil))
	}
	if got := s.rotations(key); len(got) != 0 {
		t.Fatalf("it was renewed too early: %v", got)
	}
	var wg sync.WaitGroup
	answers := make(chan error, 32)
	for range cap(answers) {
		wg.Go(func() {
			answers <- s.as(t.Context(), "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("new")})
		})
	}
	wg.Wait()
	close(answers)
	for err := range answers {
		if err != nil {
			t.Error(err)
		}
	}
	if got := fmt.Sprint(s.rotations(key)); got != "[AUTOMATIC]" {
		t.Errorf("the rotations are %v, want one", got)
	}
	if old, new := s.trueUses(t, key, 1), s.trueUses(t, key, 2); old != 64 || new != 33 {
		t.Errorf("the generations made %d and %d encryptions, want 64 and 33", old, new)
	}
	for _, blob := range blobs {
		if plain, err := s.decrypt(blob, nil); plain != "old" {
			t.Fatalf("an old blob opens to %q, %v", plain, err)
		}
	}
	renewed := s.events("RotateKey")
	if len(renewed) != 1 || renewed[0]["eventType"] != "AwsServiceEvent" || renewed[0]["errorCode"] != nil ||
		!strings.Contains(fmt.Sprint(renewed[0]["serviceEventDetails"]), "rotationType:AUTOMATIC") {
		t.Errorf("the log tells %v", renewed)
	}
	record, err := s.bench.store.Key(t.Context(), kms.KeyID(key))
	if err != nil || record.Key.OnDemandRotations != 0 || record.Key.Current != 2 {
		t.Errorf("the row says %+v, %v: a renewal is none on demand", record.Key, err)
	}
	s.sound(t)
	s.reopen()
	s.sound(t)
}

// logged collects what operators are told.
func logged(c *kms.Config) *strings.Builder {
	var text strings.Builder
	c.Logger = slog.New(slog.NewTextHandler(&text, nil))
	return &text
}

func TestAKeyThatCannotBeRenewedGoesOnWithAWarningUntilItsLastUse(t *testing.T) {
	const renewAfter, maxUses = 5, 12
	var text *strings.Builder
	s := newStage(t, share(renewAfter, maxUses), func(c *kms.Config) { text = logged(c) })
	key := s.newKey()
	s.bench.device.SetCapacity(len(s.bench.device.Objects()))
	tries := func() int { return s.bench.device.Calls(kmstest.MethodGenerateKey) }
	before := tries()
	for range renewAfter - 1 {
		s.encrypt(key, "x", nil)
	}
	if tries() != before || strings.Contains(text.String(), "could not be renewed") {
		t.Fatalf("a renewal was tried too early: %s", text)
	}
	for range maxUses - renewAfter {
		s.encrypt(key, "x", nil)
	}
	if tries() != before+1 || strings.Count(text.String(), "could not be renewed") != 1 {
		t.Errorf("within a minute the renewal was tried %d times and warned of so: %s", tries()-before, text)
	}
	full := func() {
		t.Helper()
		_, err := try[*api.EncryptOutput](s.bench, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")})
		refused(t, err, "LimitExceededException")
		if got := s.trueUses(t, key, 1); got != maxUses {
			t.Fatalf("the generation made %d encryptions, and may make %d", got, maxUses)
		}
	}
	full()
	s.clock.Advance(59 * time.Second)
	full()
	if tries() != before+1 {
		t.Error("the pause is not kept")
	}
	s.clock.Advance(time.Second)
	full()
	if tries() != before+2 {
		t.Error("after a minute the renewal is not tried again")
	}
	s.clock.Advance(-time.Hour)
	s.bench.device.SetCapacity(0)
	s.encrypt(key, "x", nil) // a clock set back does not lengthen the pause
	if got := fmt.Sprint(s.rotations(key)); got != "[AUTOMATIC]" {
		t.Errorf("the rotations are %v", got)
	}
	s.sound(t)
	s.crash()
	if got := s.reserved(t, key, 1); got != maxUses {
		t.Errorf("the old generation's count is %d, want %d", got, maxUses)
	}
}

func TestNoGenerationEverMakesMoreThanItsUses(t *testing.T) {
	const maxUses = 40
	s := newStage(t, share(30, maxUses))
	key := s.newKey()
	s.bench.device.SetCapacity(len(s.bench.device.Objects()))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 5 {
				err := s.as(t.Context(), "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")})
				var wire *api.Error
				if err != nil && (!errors.As(err, &wire) || wire.Name != "LimitExceededException") {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := s.trueUses(t, key, 1); got != maxUses {
		t.Errorf("the generation made %d encryptions, want %d", got, maxUses)
	}
	s.reopen()
	err := s.as(t.Context(), "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")})
	refused(t, err, "LimitExceededException")
	if got := s.trueUses(t, key, 1); got != maxUses {
		t.Errorf("after a restart the generation made %d encryptions, want %d", got, maxUses)
	}
}

func TestACallerWhoGoesAwayDoesNotSpoilTheRenewalForTheOthers(t *testing.T) {
	s := newStage(t, share(4, 1<<32)) // the use of the one who went away counts too
	key := s.newKey()
	for range 3 {
		s.encrypt(key, "x", nil)
	}
	gate := s.bench.device.Block(kmstest.MethodGenerateKey, kmstest.BeforeCall)
	ctx, cancel := context.WithCancel(t.Context())
	impatient, patient := make(chan error, 1), make(chan error, 1)
	in := &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}
	go func() { impatient <- s.as(ctx, "Encrypt", in) }()
	gate.Await(t, 1)
	go func() { patient <- s.as(t.Context(), "Encrypt", in) }()
	cancel()
	gate.Release()
	if err := <-patient; err != nil {
		t.Error(err)
	}
	refused(t, <-impatient, "DependencyTimeoutException")
	if got := fmt.Sprint(s.rotations(key)); got != "[AUTOMATIC]" {
		t.Errorf("the rotations are %v", got)
	}
	s.sound(t)
}

// degrading is an operation that no server has: it makes the current generation of a key decrypt-only, as a restore does.
var degrading = kms.Operation[*degradeInput, *api.Void]{
	Name:    "Degrade",
	Effect:  kms.Mutate,
	Targets: func(in *degradeInput) []kms.Target { return []kms.Target{kms.KeyOnly(&in.key, "kms:Degrade")} },
	Admit:   kms.Admit[*degradeInput]{States: []kms.StateRule{kms.StatesAny}},
	Change: func(_ context.Context, c *kms.Call, in *degradeInput) (kms.Change, *api.Void, error) {
		g := c.Key(0).Current()
		g.Rev++
		g.State = in.to
		return kms.Change{Keys: []kms.KeyRow{c.Key(0).Next()}, Generations: []kms.GenerationRow{g}}, &api.Void{}, nil
	},
}

type degradeInput struct {
	key string
	to  kms.GenerationState
}

func (*degradeInput) Validate() error { return nil }

func degradable(c *kms.Config) { c.Table = append(c.Table, degrading) }

func TestAfterARestoreOldGenerationsOnlyDecryptAndTheNextEncryptionMakesANewOne(t *testing.T) {
	s := newStage(t, degradable)
	key := s.newKey()
	blob := s.encrypt(key, "before", nil)
	must[*api.Void](s.bench, "Degrade", &degradeInput{key, kms.GenerationDecryptOnly})
	uses := s.trueUses(t, key, 1)
	in := &api.EncryptInput{KeyID: &key, Plaintext: []byte("after")}

	s.bench.device.SetCapacity(len(s.bench.device.Objects()))
	refused(t, s.as(t.Context(), "Encrypt", in), "LimitExceededException")
	refused(t, s.as(t.Context(), "Encrypt", in), "LimitExceededException") // within the pause the cause is the same
	if plain, err := s.decrypt(blob, nil); plain != "before" {
		t.Errorf("it opens to %q, %v", plain, err)
	}
	s.bench.device.SetCapacity(0)
	s.clock.Advance(time.Minute)
	s.bench.device.FailNext(kmstest.MethodGenerateKey, 1, device.ErrUnavailable)
	refused(t, s.as(t.Context(), "Encrypt", in), "KeyUnavailableException")
	s.clock.Advance(time.Minute)

	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := s.as(t.Context(), "Encrypt", in); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s.trueUses(t, key, 1) != uses {
		t.Error("a generation that may only decrypt has encrypted")
	}
	if got := fmt.Sprint(s.rotations(key)); got != "[AUTOMATIC]" {
		t.Errorf("the rotations are %v", got)
	}
	s.reopen()
	if plain, err := s.decrypt(blob, nil); plain != "before" {
		t.Errorf("it opens to %q, %v", plain, err)
	}
	s.sound(t)
}

func TestAGenerationMovesForwardOnlyAndADestroyedOneDoesNotDecrypt(t *testing.T) {
	s := newStage(t, degradable)
	key := s.newKey()
	blob := s.encrypt(key, "x", nil)
	move := func(to kms.GenerationState, want string) {
		t.Helper()
		_, err := try[*api.Void](s.bench, "Degrade", &degradeInput{key, to})
		if name, _ := errorOf(err); name != want {
			t.Errorf("to %s: %v, want %s", to, err, want)
		}
	}
	move(kms.GenerationDestroyed, "KMSInternalException")
	move("Sleeping", "KMSInternalException")
	move(kms.GenerationDestroying, "")
	move(kms.GenerationReady, "KMSInternalException")
	_, err := s.decrypt(blob, nil)
	refused(t, err, "KMSInvalidStateException", keyARN(key)+" is unavailable.")
	move(kms.GenerationDestroyed, "")
	move(kms.GenerationReady, "KMSInternalException")
	_, err = s.decrypt(blob, nil)
	refused(t, err, "KMSInvalidStateException")
}

func TestATokenThatUsesOneIVForEverythingEncryptsNothing(t *testing.T) {
	s := newStage(t)
	s.bench.device.SetConstantIV(true)
	key := s.newKey()
	for range 2 {
		err := s.as(t.Context(), "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")})
		refused(t, err, "KeyUnavailableException")
	}
	s.bench.device.SetConstantIV(false)
	s.encrypt(key, "x", nil)
}

func TestASealedTextThatNoBlobCanHoldNeverReachesACaller(t *testing.T) {
	for name, change := range map[string]func(device.Sealed) device.Sealed{
		"without IV":              func(c device.Sealed) device.Sealed { c.IV = nil; return c },
		"with an IV of 13 octets": func(c device.Sealed) device.Sealed { c.IV = append(c.IV, 0); return c },
		"without tag": func(c device.Sealed) device.Sealed {
			c.Ciphertext = c.Ciphertext[:len(c.Ciphertext)-device.TagSize]
			return c
		},
		"longer than its plaintext": func(c device.Sealed) device.Sealed { c.Ciphertext = append(c.Ciphertext, 0); return c },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			key := s.newKey()
			s.device.sealed = change
			refused(t, s.as(t.Context(), "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}), "KeyUnavailableException")
			refused(t, s.as(t.Context(), "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: &key, NumberOfBytes: new(int32(32))}), "KeyUnavailableException")
		})
	}
}
