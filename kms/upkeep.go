package kms

import (
	"context"
	"fmt"
)

// ProveAlive has the token prove that it can do the service's work: that the key which authenticates stored rows is there
// and answers with the code that the directory's own row bears. It is cheap enough to be asked every second.
func (s *Service) ProveAlive(ctx context.Context) error {
	meta := s.meta
	if err := s.signer.verify(ctx, &meta); err != nil {
		return fmt.Errorf("have the token authenticate the directory's own row: %w", err)
	}
	return nil
}

// Deliver brings committed audit events into the log, as every change does: a server calls it now and then, for events
// that could not be written when they were made.
func (s *Service) Deliver(ctx context.Context) error {
	if err := s.drain(ctx); err != nil {
		return fmt.Errorf("bring audit events into the log: %w", err)
	}
	return nil
}

// Usage is how much the generation in use has encrypted that has encrypted most, of the keys that this process has
// encrypted with, and how much one may.
type Usage struct {
	Highest    uint64 // encryptions that the generation may have made
	RenewAfter uint64 // at which the next encryption makes a new generation
	Most       uint64 // at which it stops for good
}

// Usage looks at the counts in memory.
func (s *Service) Usage() Usage {
	u := Usage{RenewAfter: s.config.RenewAfter, Most: s.config.MaxUses}
	for _, k := range s.counters.newest() {
		u.Highest = max(u.Highest, k.used())
	}
	return u
}

// newest are the counters of each key's newest generation. Those before it encrypt no more.
func (cs *counters) newest() map[KeyID]*counter {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	newest, number := map[KeyID]*counter{}, map[KeyID]uint32{}
	for id, k := range cs.byID {
		if id.number >= number[id.key] {
			newest[id.key], number[id.key] = k, id.number
		}
	}
	return newest
}
