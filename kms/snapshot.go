package kms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/policy"
)

// Key is an immutable snapshot of one KMS key: its rows, checked, and its policy, compiled. A newer snapshot replaces
// it in the cache; whoever still holds the old one finds out before the token is called (see Call).
type Key struct {
	record KeyRecord
	policy *policy.Policy
	arn    string
}

// ID is the key's id.
func (k *Key) ID() KeyID { return k.record.Key.ID }

// ARN is the key's ARN.
func (k *Key) ARN() string { return k.arn }

// Row is a copy of the key's row.
func (k *Key) Row() KeyRow { return k.record.Key }

// Next is a copy of the key's row at the next revision, for a change to edit.
func (k *Key) Next() KeyRow {
	row := k.record.Key
	row.Rev++
	row.MAC = nil
	return row
}

// Generations are the key's generations, ascending from number 1. The slice must not be changed.
func (k *Key) Generations() []GenerationRow { return k.record.Generations }

// Current is the generation that encrypts.
func (k *Key) Current() GenerationRow { return k.record.Generations[k.record.Key.Current-1] }

// Tags are the key's tags in the order of insertion. The slice must not be changed.
func (k *Key) Tags() []TagRow { return k.record.Tags }

// Policy is the policy's text as it was stored.
func (k *Key) Policy() string { return k.record.Policy.Document }

type aliasID struct {
	account AccountID
	name    string
}

// snapshots is the cache of keys and aliases. An entry is current while it is the one in the map.
type snapshots struct {
	mu      sync.RWMutex
	keys    cache[KeyID, Key]
	aliases cache[aliasID, AliasRow]
}

// cache is the entries of one kind. stamps grow with every invalidation of an id, so that a slow load cannot store what
// a change made stale, and a change of one key does not hold up the loads of others.
type cache[K comparable, V any] struct {
	entries map[K]*V
	stamps  map[K]uint64
}

func newCache[K comparable, V any]() cache[K, V] {
	return cache[K, V]{entries: map[K]*V{}, stamps: map[K]uint64{}}
}

func (c cache[K, V]) drop(id K) {
	delete(c.entries, id)
	c.stamps[id]++
}

func newSnapshots() *snapshots {
	return &snapshots{keys: newCache[KeyID, Key](), aliases: newCache[aliasID, AliasRow]()}
}

// cached returns the entry of id in c, loading it on a miss. A load that an invalidation of the same id overtook is
// repeated.
func cached[K comparable, V any](ctx context.Context, s *snapshots, c cache[K, V], id K, load func() (*V, error)) (*V, error) {
	for {
		s.mu.RLock()
		v, stamp := c.entries[id], c.stamps[id]
		s.mu.RUnlock()
		if v != nil {
			return v, nil
		}
		v, err := load()
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		current := c.stamps[id] == stamp
		if earlier := c.entries[id]; current && earlier != nil {
			v = earlier
		}
		if current {
			c.entries[id] = v
		}
		s.mu.Unlock()
		if current {
			return v, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

func (s *snapshots) invalidate(c Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range c.Keys {
		s.keys.drop(r.ID)
	}
	for _, r := range c.Generations {
		s.keys.drop(r.KeyID)
	}
	for _, r := range c.Policies {
		s.keys.drop(r.KeyID)
	}
	for _, r := range slices.Concat(c.Tags, c.DropTags) {
		s.keys.drop(r.KeyID)
	}
	for _, r := range slices.Concat(c.Aliases, c.DropAliases) {
		s.aliases.drop(aliasID{r.Account, r.Name})
	}
}

// current tells whether every given snapshot is still the newest.
func (s *snapshots) current(keys []*Key, aliases []*AliasRow) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range keys {
		if s.keys.entries[k.ID()] != k {
			return false
		}
	}
	for _, a := range aliases {
		if s.aliases.entries[aliasID{a.Account, a.Name}] != a {
			return false
		}
	}
	return true
}

// key is the newest snapshot of a key: ErrNotFound, a *TamperError, or the store's or the device's error.
func (s *Service) key(ctx context.Context, id KeyID) (*Key, error) {
	return cached(ctx, s.snapshots, s.snapshots.keys, id, func() (*Key, error) { return s.loadKey(ctx, id) })
}

func (s *Service) alias(ctx context.Context, account AccountID, name string) (*AliasRow, error) {
	return cached(ctx, s.snapshots, s.snapshots.aliases, aliasID{account, name}, func() (*AliasRow, error) {
		row, err := s.store.Alias(ctx, account, name)
		if err != nil {
			return nil, err
		}
		if row.Account != account || row.Name != name {
			return nil, fmt.Errorf("the store answered alias %q for %q", row.Name, name)
		}
		return &row, s.signer.verify(ctx, &row)
	})
}

func (s *Service) loadKey(ctx context.Context, id KeyID) (*Key, error) {
	record, err := s.store.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.checkRecord(ctx, id, record); err != nil {
		return nil, err
	}
	compiled, err := policy.Parse(record.Policy.Document)
	if err != nil {
		return nil, &TamperError{Row: record.Policy.what(), Reason: "the stored policy does not parse: " + err.Error()}
	}
	return &Key{record: record, policy: compiled, arn: s.realm.KeyARN(record.Key.Account, id)}, nil
}

// checkRecord verifies every row of a key and that none is missing: the key row says how many generations there are,
// and each generation has its count of uses.
func (s *Service) checkRecord(ctx context.Context, id KeyID, r KeyRecord) error {
	missing := func(what string) error {
		return &TamperError{Row: r.Key.what(), Reason: what + " is missing: it was removed outside Keyhold"}
	}
	if r.Key.ID != id {
		return &TamperError{Row: r.Key.what(), Reason: fmt.Sprintf("the store answered it for key %s", id)}
	}
	rows := []authenticRow{&r.Key}
	if err := s.signer.verify(ctx, rows...); err != nil {
		return err
	}
	rows = rows[:0]
	if r.Policy.KeyID != id {
		return missing("its policy")
	}
	rows = append(rows, &r.Policy)
	for i := range r.Generations {
		rows = append(rows, &r.Generations[i])
	}
	for i := range r.Uses {
		rows = append(rows, &r.Uses[i])
	}
	for i := range r.Tags {
		rows = append(rows, &r.Tags[i])
	}
	if err := s.signer.verify(ctx, rows...); err != nil {
		return err
	}
	for n := range r.Key.Current {
		if int(n) >= len(r.Generations) || r.Generations[n].Number != n+1 || r.Generations[n].KeyID != id {
			return missing(fmt.Sprintf("its generation %d", n+1))
		}
		if int(n) >= len(r.Uses) || r.Uses[n].Number != n+1 || r.Uses[n].KeyID != id {
			return missing(fmt.Sprintf("its count of uses of generation %d", n+1))
		}
	}
	if len(r.Tags) != r.Key.TagCount {
		return missing(fmt.Sprintf("one of its %d tags", r.Key.TagCount))
	}
	if r.Key.Current == 0 || len(r.Generations) != int(r.Key.Current) {
		return &TamperError{Row: r.Key.what(), Reason: "it has generations that it does not know of"}
	}
	if _, ok := keyTransitions[r.Key.State]; !ok || r.Key.State == "" || r.Key.Spec != keyspec.SymmetricDefault {
		return &TamperError{Row: r.Key.what(), Reason: fmt.Sprintf("unknown state %q or spec %q", r.Key.State, r.Key.Spec)}
	}
	return nil
}

// isTampered tells a *TamperError and gives it.
func isTampered(err error) (*TamperError, bool) {
	var t *TamperError
	ok := errors.As(err, &t)
	return t, ok
}
