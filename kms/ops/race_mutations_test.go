package ops_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// atOnce runs n functions at once and gives their errors by name; "" is success.
func atOnce(n int, f func(i int) error) map[string]int {
	var mu sync.Mutex
	var wg sync.WaitGroup
	answers := map[string]int{}
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			name, _ := errorOf(f(i))
			mu.Lock()
			defer mu.Unlock()
			answers[name]++
		})
	}
	close(start)
	wg.Wait()
	return answers
}

func answered(t *testing.T, answers map[string]int, want map[string]int) {
	t.Helper()
	if fmt.Sprint(answers) != fmt.Sprint(want) {
		t.Errorf("the answers are %v, want %v", answers, want)
	}
}

func TestMutationsOfOneKeyQueueAndNoneIsLost(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	revision := func() int64 {
		record, err := s.bench.store.Key(t.Context(), kms.KeyID(key))
		if err != nil {
			t.Fatal(err)
		}
		return record.Key.Rev
	}
	first := revision()
	answers := atOnce(48, func(i int) error {
		switch i % 3 {
		case 0:
			return s.as(t.Context(), "TagResource", &api.TagResourceInput{KeyID: &key, Tags: []api.Tag{api.NewTag(fmt.Sprintf("tag %02d", i), "x")}})
		case 1:
			return s.as(t.Context(), "DisableKey", &api.DisableKeyInput{KeyID: &key})
		default:
			return s.as(t.Context(), "EnableKey", &api.EnableKeyInput{KeyID: &key})
		}
	})
	answered(t, answers, map[string]int{"": 48})
	tags := must[*api.ListResourceTagsOutput](s.bench, "ListResourceTags", &api.ListResourceTagsInput{KeyID: &key}).Tags
	if len(tags) != 16 {
		t.Errorf("%d tags are left of 16", len(tags))
	}
	if grown := revision() - first; grown != 48 {
		t.Errorf("the row has changed %d times, want 48", grown)
	}
	for _, operation := range []string{"TagResource", "DisableKey", "EnableKey"} {
		if n := len(s.done(operation)); n != 16 {
			t.Errorf("%s is %d times in the log, want 16", operation, n)
		}
	}
	s.sound(t)
}

func TestRotationsOfOneKeyQueueAndEachMakesOneGeneration(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	answered(t, atOnce(8, func(int) error { return s.rotate(key) }), map[string]int{"": 8})
	if n := len(s.generations(t, key)); n != 9 || s.world.count("token.GenerateKey") != 1+2*(1+8) { // a birth makes a marker too
		t.Errorf("%d generations by %d births", n, s.world.count("token.GenerateKey")-1)
	}
	s.sound(t)
}

func TestOneAliasIsCreatedOnceWhicheverKeysItIsFor(t *testing.T) {
	s := newStage(t)
	keys := []string{s.newKey(), s.newKey(), s.newKey(), s.newKey()}
	answers := atOnce(callers, func(i int) error {
		return s.as(t.Context(), "CreateAlias", &api.CreateAliasInput{AliasName: new("alias/app"), TargetKeyID: &keys[i%len(keys)]})
	})
	answered(t, answers, map[string]int{"": 1, "AlreadyExistsException": callers - 1})
	if n := len(s.done("CreateAlias")); n != 1 {
		t.Errorf("it is in the log %d times", n)
	}
}

func TestTheLastPlaceForAnAliasIsGivenOnce(t *testing.T) {
	s := newStage(t)
	key, other := s.newKey(), s.newKey()
	for i := range api.MaxAliasesPerKey - 1 {
		s.newAlias(fmt.Sprintf("alias/app-%d", i), key)
	}
	for i := range callers / 2 {
		s.newAlias(fmt.Sprintf("alias/other-%d", i), other)
	}
	answers := atOnce(callers, func(i int) error {
		if i%2 == 0 {
			return s.as(t.Context(), "CreateAlias", &api.CreateAliasInput{AliasName: new(fmt.Sprintf("alias/new-%d", i)), TargetKeyID: &key})
		}
		return s.as(t.Context(), "UpdateAlias", &api.UpdateAliasInput{AliasName: new(fmt.Sprintf("alias/other-%d", i/2)), TargetKeyID: &key})
	})
	answered(t, answers, map[string]int{"": 1, "LimitExceededException": callers - 1})
	rows, err := s.bench.store.Aliases(t.Context(), account, kms.KeyID(key), "", 100)
	if err != nil || len(rows) != api.MaxAliasesPerKey {
		t.Errorf("the key has %d aliases, %v", len(rows), err)
	}
}

func TestAliasesThatSwapTheirKeysDoNotLockEachOtherOut(t *testing.T) {
	s := newStage(t)
	keys := []string{s.newKey(), s.newKey()}
	s.newAlias("alias/a", keys[0])
	s.newAlias("alias/b", keys[1])
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	answers := atOnce(callers, func(i int) error {
		name := []string{"alias/a", "alias/b"}[i%2]
		return s.as(ctx, "UpdateAlias", &api.UpdateAliasInput{AliasName: &name, TargetKeyID: &keys[i/2%2]})
	})
	answered(t, answers, map[string]int{"": callers})
	s.sound(t)
}

func TestAMutationThatWaitsItsTurnMayGiveUp(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	held, release := make(chan struct{}), make(chan struct{})
	s.world.set(func(call string) error {
		if call == "store.Apply" {
			close(held)
			<-release
		}
		return nil
	}, nil)
	first := make(chan error, 1)
	go func() { first <- s.as(t.Context(), "DisableKey", &api.DisableKeyInput{KeyID: &key}) }()
	<-held
	s.world.heal()
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() { second <- s.as(ctx, "EnableKey", &api.EnableKeyInput{KeyID: &key}) }()
	cancel()
	refused(t, <-second, "ThrottlingException")
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	must[*api.EnableKeyOutput](s.bench, "EnableKey", &api.EnableKeyInput{KeyID: &key})
}

func TestEveryRequestLeavesExactlyOneRecordHoweverManyAsk(t *testing.T) {
	s := newStage(t)
	key := s.newKey()
	blob := s.encrypt(key, "x", nil)
	before := len(s.log.all())
	const n = 96
	atOnce(n, func(i int) error {
		in := []struct {
			operation string
			input     kms.Input
		}{
			{"Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}},
			{"Decrypt", &api.DecryptInput{CiphertextBlob: blob}},
			{"DescribeKey", &api.DescribeKeyInput{KeyID: &key}},
			{"CreateAlias", &api.CreateAliasInput{AliasName: new("alias/app"), TargetKeyID: &key}},
			{"Encrypt", &api.EncryptInput{}},
			{"RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key}},
		}[i%6]
		_, err := s.service.Do(t.Context(), kms.Request{Operation: in.operation, Caller: s.root(), Input: in.input, ID: fmt.Sprintf("request %d", i)})
		return err
	})
	var asked []string
	for _, r := range s.log.all()[before:] {
		id, _ := r["requestID"].(string)
		asked = append(asked, id)
	}
	slices.Sort(asked)
	if len(slices.Compact(slices.Clone(asked))) != n || len(asked) != n {
		t.Errorf("%d requests left %d records of %d requests", n, len(asked), len(slices.Compact(asked)))
	}
	s.sound(t)
}

func TestNewKeysInNumbersAreAllThereAndNoMore(t *testing.T) {
	s := newStage(t)
	answered(t, atOnce(callers, func(int) error { return s.create() }), map[string]int{"": callers})
	if n := len(s.allGenerations(t)); n != callers {
		t.Errorf("%d keys were made and %d are there", callers, n)
	}
	s.sound(t)
}
