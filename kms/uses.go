package kms

import (
	"context"
	"fmt"
	"sync"
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
	mu    sync.Mutex
	row   UsesRow
	next  uint64
	block uint64
}

// counters lives as long as the service, whatever happens to snapshots.
type counters struct {
	mu       sync.Mutex
	byID     map[generationID]*counter
	renewals map[KeyID]time.Time // when a renewal last failed
}

func newCounters() *counters {
	return &counters{byID: map[generationID]*counter{}, renewals: map[KeyID]time.Time{}}
}

func (cs *counters) of(row UsesRow) *counter {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	id := generationID{row.KeyID, row.Number}
	if cs.byID[id] == nil {
		cs.byID[id] = &counter{row: row, next: row.Reserved, block: firstBlock}
	}
	return cs.byID[id]
}

// used is how many encryptions the generation may have made.
func (k *counter) used() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.next
}

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
		default:
			s.log.WarnContext(ctx, "a key could not be renewed", "key", key.ARN(), "error", err)
		}
	}
	return s.reserve(ctx, count)
}

// reserve advances the count, extending the block in the store when it is used up.
func (s *Service) reserve(ctx context.Context, k *counter) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next >= s.config.MaxUses {
		return api.LimitExceeded(fmt.Sprintf("Generation %d of key %s has made all %d encryptions that AES-GCM allows, and could not be renewed.",
			k.row.Number, k.row.KeyID, s.config.MaxUses))
	}
	if k.next == k.row.Reserved {
		if err := s.extendLocked(ctx, k); err != nil {
			return err
		}
	}
	k.next++
	return nil
}

func (s *Service) extendLocked(ctx context.Context, k *counter) error {
	row := k.row
	row.Rev++
	row.Reserved = min(k.next+k.block, s.config.MaxUses)
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
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	for _, k := range s.counters.byID {
		k.mu.Lock()
		if row := k.row; k.next < row.Reserved {
			row.Rev++
			row.Reserved = k.next
			if err := s.applyUses(ctx, row); err != nil {
				s.log.WarnContext(ctx, "unused encryptions are not handed back", "key", string(row.KeyID), "error", err)
			} else {
				k.row = row
			}
		}
		k.mu.Unlock()
	}
}

// renew makes a new generation because the current one may not go on encrypting. One at a time for each key; after a
// failure it is not tried again for a while.
func (s *Service) renew(ctx context.Context, key *Key) error {
	unlock, err := s.locks.lock(ctx, string(key.ID()))
	if err != nil {
		return err
	}
	defer unlock()
	if !s.snapshots.current([]*Key{key}, nil) {
		return nil // somebody else has renewed it, or changed it otherwise
	}
	now := s.config.Now()
	if last, failed := s.counters.lastFailure(key.ID()); failed && now.Sub(last) < renewalPause {
		return fmt.Errorf("the last renewal failed %s ago", now.Sub(last).Truncate(time.Second))
	}
	if err := s.rotate(ctx, key, now); err != nil {
		s.counters.failed(key.ID(), now)
		return err
	}
	return nil
}

func (cs *counters) lastFailure(id KeyID) (time.Time, bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	at, ok := cs.renewals[id]
	return at, ok
}

func (cs *counters) failed(id KeyID, at time.Time) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.renewals[id] = at
}

// rotate is a service event: the key gets a new current generation without anybody asking.
func (s *Service) rotate(ctx context.Context, key *Key, now time.Time) error {
	row := key.Next()
	row.Current++
	var births []BirthRow
	newborn, err := s.birth(ctx, key.ID(), row.Current, keyspec.RotationAutomatic, MicrosOf(now), &births)
	if err == nil {
		change := Change{Keys: []KeyRow{row}}
		newborn.Fulfil(&change)
		change.Events, err = s.rotationEvent(key, newborn.Generation, now)
		if err == nil {
			err = s.apply(ctx, change)
		}
	}
	if err != nil {
		s.abandon(ctx, births)
		return err
	}
	s.nursery.release(births)
	return s.drain(ctx)
}
