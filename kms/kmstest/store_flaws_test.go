package kmstest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

// storeFlaws are stores that break one rule each, and the case of the suite that must notice. As for devices, the suite
// runs against them in a child process.
var storeFlaws = []struct {
	name   string
	caught string
	wrap   func(s kms.Store) kms.Store
}{
	{"forgets expectations", "a change that fails at any member changes nothing/an expected key at 2",
		spoilsChanges(func(c *kms.Change) { c.Expect = nil })},
	{"ignores the alias limit", "many changes at once do not exceed the alias limit",
		spoilsChanges(func(c *kms.Change) { c.MaxAliases = 0 })},
	{"drops the last octet of a MAC", "a key comes with all that belongs to it and nothing else",
		spoilsChanges(func(c *kms.Change) {
			for i, k := range c.Keys {
				c.Keys[i].MAC = k.MAC[:len(k.MAC)-1]
			}
		})},
	{"leaves births open", "a birth is open until it is closed or fulfilled",
		spoilsChanges(func(c *kms.Change) { c.Births = nil })},
	{"posts events backwards", "events leave in the order of their transactions",
		spoilsChanges(func(c *kms.Change) {
			for i, j := 0, len(c.Events)-1; i < j; i, j = i+1, j-1 {
				c.Events[i], c.Events[j] = c.Events[j], c.Events[i]
			}
		})},
	{"applies member by member", "a change that fails at any member changes nothing/a birth that is not open",
		func(s kms.Store) kms.Store { return appliesInParts{s} }},
	{"writes over any revision", "a row is replaced once for each revision",
		func(s kms.Store) kms.Store { return lastWins{s} }},
	{"reads a key in parts", "a key read during changes is of one revision",
		func(s kms.Store) kms.Store { return readsInParts{s} }},
	{"reports a cancelled change as failed", "the answer to a change that is cancelled half-way is true",
		func(s kms.Store) kms.Store { return givesUp{s} }},
	{"ignores its context", "a cancelled call changes nothing",
		func(s kms.Store) kms.Store { return neverCancelled{s} }},
	{"lists the page marker again", "keys are listed by account in ascending order and in pages",
		func(s kms.Store) kms.Store { return includesMarker{s} }},
	{"drains everything", "events leave in the order of their transactions",
		func(s kms.Store) kms.Store { return drainsAll{s} }},
}

const storeFlawVariable = "KMSTEST_STORE_FLAW"

// TestStoreKeepsTheContract is what TestStoreContractCatches runs in its children.
func TestStoreKeepsTheContract(t *testing.T) {
	TestStore(t, func(t *testing.T) kms.Store {
		s, err := sqlite.Create(t.Context(), sqlite.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		for _, f := range storeFlaws {
			if f.name == os.Getenv(storeFlawVariable) {
				return f.wrap(s)
			}
		}
		return s
	})
}

func TestStoreContractCatches(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range storeFlaws {
		t.Run("a store that "+f.name, func(t *testing.T) {
			name := "TestStoreKeepsTheContract/" + strings.ReplaceAll(f.caught, " ", "_")
			child := exec.CommandContext(t.Context(), self, "-test.v", "-test.timeout=1m",
				"-test.run=^"+strings.ReplaceAll(name, "/", "$/^")+"$")
			child.Env = append(os.Environ(), storeFlawVariable+"="+f.name)
			out, err := child.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !strings.Contains(string(out), "--- FAIL: "+name+" (") || strings.Contains(string(out), "panic:") {
				t.Errorf("the suite ended with %v, want a failure of %q\n%s", err, name, out)
			}
		})
	}
}

type spoiler struct {
	kms.Store
	spoil func(c *kms.Change)
}

func (s spoiler) Apply(ctx context.Context, c kms.Change) error {
	s.spoil(&c)
	return s.Store.Apply(ctx, c)
}

func spoilsChanges(spoil func(c *kms.Change)) func(kms.Store) kms.Store {
	return func(s kms.Store) kms.Store { return spoiler{s, spoil} }
}

type appliesInParts struct{ kms.Store }

func (s appliesInParts) Apply(ctx context.Context, c kms.Change) error {
	rest := kms.Change{Births: c.Births, Events: c.Events}
	c.Births, c.Events = nil, nil
	if err := s.Store.Apply(ctx, c); err != nil {
		return err
	}
	return s.Store.Apply(ctx, rest)
}

type lastWins struct{ kms.Store }

func (s lastWins) Apply(ctx context.Context, c kms.Change) error {
	if err := s.Store.Apply(ctx, c); !errors.Is(err, kms.ErrConflict) {
		return err
	}
	return nil
}

type readsInParts struct{ kms.Store }

func (s readsInParts) Key(ctx context.Context, id kms.KeyID) (kms.KeyRecord, error) {
	first, err := s.Store.Key(ctx, id)
	if err != nil {
		return first, err
	}
	second, err := s.Store.Key(ctx, id)
	first.Tags = second.Tags
	return first, err
}

type givesUp struct{ kms.Store }

func (s givesUp) Apply(ctx context.Context, c kms.Change) error {
	done := make(chan error, 1)
	go func() { done <- s.Store.Apply(context.WithoutCancel(ctx), c) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

type neverCancelled struct{ kms.Store }

func (s neverCancelled) Apply(ctx context.Context, c kms.Change) error {
	return s.Store.Apply(context.WithoutCancel(ctx), c)
}

type includesMarker struct{ kms.Store }

func (s includesMarker) Keys(ctx context.Context, account kms.AccountID, after kms.KeyID, limit int) ([]kms.KeyRow, error) {
	if after != "" {
		after = after[:len(after)-1]
	}
	return s.Store.Keys(ctx, account, after, limit)
}

type drainsAll struct{ kms.Store }

func (s drainsAll) Drained(ctx context.Context, ids []string) error {
	events, err := s.Outbox(ctx, storeAll)
	if err != nil {
		return err
	}
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return s.Store.Drained(ctx, ids)
}
