package kms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// AES-GCM with random IVs may encrypt 2^32 messages under one key (SP 800-38D 8.3). Each generation counts its
// encryptions. The count is reserved in the store in blocks, so that a crash can only make it too high.
const (
	firstBlock        = 64
	largestBlock      = 1 << 16
	defaultRenewAfter = 1 << 31
	maxUses           = 1 << 32
	renewalPause      = time.Minute
)

type generationID struct {
	key    KeyID
	number uint32
}

// counter is the count of one generation in this process: uses from next up to the row's Reserved are paid for.
type counter struct {
	next atomic.Uint64 // changes under mu; whoever only looks does not wait for the store

	mu    sync.Mutex
	row   UsesRow
	block uint64
}

// counters lives as long as the service, whatever happens to snapshots.
type counters struct {
	mu       sync.Mutex
	byID     map[generationID]*counter
	renewals map[KeyID]renewalFailure // the last one of each key
}

type renewalFailure struct {
	at    time.Time
	cause error
}

func newCounters() *counters {
	return &counters{byID: map[generationID]*counter{}, renewals: map[KeyID]renewalFailure{}}
}

func (cs *counters) of(row UsesRow) *counter {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	id := generationID{row.KeyID, row.Number}
	if cs.byID[id] == nil {
		k := &counter{row: row, block: firstBlock}
		k.next.Store(row.Reserved)
		cs.byID[id] = k
	}
	return cs.byID[id]
}

// used is how many encryptions the generation may have made.
func (k *counter) used() uint64 { return k.next.Load() }

// take pays for one encryption with the key's current generation. A generation that has had its share, or may only
// decrypt, is renewed: the request then starts again with the new one.
func (s *Service) take(ctx context.Context, key *Key) error {
	generation := key.Current()
	count := s.counters.of(key.record.Uses[generation.Number-1])
	if generation.State != GenerationReady || count.used() >= s.config.RenewAfter {
		switch err := s.renew(ctx, key); {
		case err == nil:
			return errStale
		case generation.State != GenerationReady:
			return fmt.Errorf("renew a generation that may only decrypt: %w", err)
		}
	}
	return s.reserve(ctx, count)
}

// reserve advances the count, extending the block in the store when it is used up.
func (s *Service) reserve(ctx context.Context, k *counter) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.used() >= s.config.MaxUses {
		return api.LimitExceeded(fmt.Sprintf("Generation %d of key %s has made all %d encryptions that AES-GCM allows, and could not be renewed.",
			k.row.Number, k.row.KeyID, s.config.MaxUses))
	}
	if k.used() == k.row.Reserved {
		if err := s.extendLocked(ctx, k); err != nil {
			return err
		}
	}
	k.next.Add(1)
	return nil
}

func (s *Service) extendLocked(ctx context.Context, k *counter) error {
	row := k.row
	row.Rev++
	row.Reserved = min(k.used()+k.block, s.config.MaxUses)
	if err := s.applyUses(ctx, row); err != nil {
		return fmt.Errorf("reserve encryptions: %w", err)
	}
	k.row, k.block = row, min(2*k.block, largestBlock)
	return nil
}

func (s *Service) applyUses(ctx context.Context, row UsesRow) error {
	change, err := s.signer.signChange(ctx, Change{Uses: []UsesRow{row}})
	if err != nil {
		return err
	}
	return s.store.Apply(ctx, change)
}

// returnUses hands back what was reserved and not used. A failure costs only numbers.
func (s *Service) returnUses(ctx context.Context) {
	for _, k := range s.counters.all() {
		s.returnBlock(ctx, k)
	}
}

func (cs *counters) all() []*counter {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return slices.Collect(maps.Values(cs.byID))
}

func (s *Service) returnBlock(ctx context.Context, k *counter) {
	k.mu.Lock()
	defer k.mu.Unlock()
	row := k.row
	if row.Reserved <= k.used() {
		return
	}
	row.Rev++
	row.Reserved = k.used()
	if err := s.applyUses(ctx, row); err != nil {
		s.log.WarnContext(ctx, "unused encryptions are not handed back", "key", string(row.KeyID), "error", err)
		return
	}
	k.row = row
}

// renew makes a new generation because the current one may not go on encrypting. One at a time for each key; after a
// failure it is not tried again for a while, and what failed is the answer. Once begun it is finished for the sake of
// all who wait for it, though the one who asked first may go away.
func (s *Service) renew(ctx context.Context, key *Key) error {
	unlock, err := s.locks.lock(ctx, string(key.ID()))
	if err != nil {
		return err
	}
	defer unlock()
	if key.stale() {
		return nil // somebody else has renewed it, or changed it otherwise
	}
	now := s.config.Now()
	if last := s.counters.lastFailure(key.ID()); last.cause != nil && now.Sub(last.at).Abs() < renewalPause {
		return fmt.Errorf("the last renewal failed at %s: %w", last.at.UTC().Format(time.RFC3339), last.cause)
	}
	err = s.rotate(context.WithoutCancel(ctx), key, now)
	if err == nil || errors.Is(err, errStale) {
		return nil // the request starts again either way
	}
	s.log.WarnContext(ctx, "a key could not be renewed", "key", key.ARN(), "error", err)
	s.counters.failed(key.ID(), renewalFailure{at: now, cause: err})
	return err
}

func (cs *counters) lastFailure(id KeyID) renewalFailure {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.renewals[id]
}

func (cs *counters) failed(id KeyID, f renewalFailure) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.renewals[id] = f
}

// rotate is a service event: the key gets a new current generation without anybody asking.
func (s *Service) rotate(ctx context.Context, key *Key, now time.Time) error {
	row := key.Next()
	row.Current++
	var births []labour
	defer func() { s.abandon(ctx, births) }() // whatever the change has not taken over, after a panic too
	newborn, err := s.birth(ctx, key.ID(), row.Current, keyspec.RotationAutomatic, MicrosOf(now), &births)
	if err != nil {
		return err
	}
	change := Change{Keys: []KeyRow{row}}
	newborn.Fulfil(&change)
	if change.Events, err = s.rotationEvent(key, newborn.Generation, now); err != nil {
		return err
	}
	if err := s.apply(ctx, change, key.guard); err != nil {
		return err
	}
	s.born(ctx, births)
	births = nil
	if err := s.deliver(ctx, change.Events[0]); err != nil { // the key is renewed; its event follows with the next one
		s.log.WarnContext(ctx, "the event of a renewal is not in the log yet", "key", key.ARN(), "error", err)
	}
	return nil
}

// retire closes the current generation for encryption, for good, because the token broke a rule while it encrypted: an
// IV of zeros or one that repeats. The next encryption makes a new generation, which must prove itself.
func (s *Service) retire(ctx context.Context, key *Key, why error) {
	s.log.ErrorContext(ctx, "a generation is closed for encryption", "key", key.ARN(), "generation", key.Row().Current, "error", why)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	unlock, err := s.locks.lock(ctx, string(key.ID()))
	if err == nil {
		defer unlock()
		err = s.retireLocked(ctx, key.ID(), key.Row().Current)
	}
	if err != nil {
		s.log.ErrorContext(ctx, "a generation could not be closed for encryption", "key", key.ARN(), "error", err)
	}
}

// retireLocked closes the generation whatever else of the key has changed meanwhile, unless it does not encrypt any more.
func (s *Service) retireLocked(ctx context.Context, id KeyID, number uint32) error {
	key, err := s.key(ctx, id)
	if err != nil {
		return err
	}
	row, generation := key.Next(), key.Current()
	if generation.Number != number || generation.State != GenerationReady {
		return nil
	}
	generation.Rev++
	generation.State = GenerationDecryptOnly
	return s.apply(ctx, Change{Keys: []KeyRow{row}, Generations: []GenerationRow{generation}}, nil)
}
