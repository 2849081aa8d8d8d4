package kms

import (
	"context"
	"errors"
	"sync"

	"github.com/keyhold/keyhold/kms/audit"
)

// A batch is bounded twice: the log takes less than 4 MiB at a time, and one record may have 1 MiB (audit.MaxRecord).
const (
	drainBatch  = 256
	drainOctets = 1 << 20
)

// outbox moves the events of mutations from the store into the log, each once. An event that this process committed
// and that cannot be in the log yet is fresh; of any other it asks the log, which may have to search all of itself.
type outbox struct {
	draining sync.Mutex

	mu    sync.Mutex
	fresh map[string]bool
}

// announce says that an event is about to be committed.
func (o *outbox) announce(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fresh == nil {
		o.fresh = map[string]bool{}
	}
	o.fresh[id] = true
}

// retract forgets events whose transaction failed. Should they have been committed after all, the log is asked.
func (o *outbox) retract(events []EventRow) {
	for _, e := range events {
		o.takeFresh(e.ID)
	}
}

// takeFresh tells whether an event is fresh; from now on it is not, unless the attempt to log it is known to have failed.
func (o *outbox) takeFresh(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	fresh := o.fresh[id]
	delete(o.fresh, id)
	return fresh
}

// drain brings every committed event into the log. An event that a crash left in both places is recognised by its id.
func (s *Service) drain(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	s.outbox.draining.Lock()
	defer s.outbox.draining.Unlock()
	for {
		events, err := s.store.Outbox(ctx, drainBatch)
		if err != nil || len(events) == 0 {
			return err
		}
		events = firstOctets(events, drainOctets)
		if err := s.logEvents(ctx, events); err != nil {
			return err
		}
		ids := make([]string, len(events))
		for i, e := range events {
			ids[i] = e.ID
		}
		if err := s.store.Drained(ctx, ids); err != nil {
			return err
		}
	}
}

// deliver drains the outbox after a commit, and makes sure that the event committed is in the log now: one that somebody
// took out of the outbox meanwhile is logged all the same.
func (s *Service) deliver(ctx context.Context, e EventRow) error {
	if err := s.drain(ctx); err != nil {
		return err
	}
	if !s.outbox.takeFresh(e.ID) {
		return nil
	}
	s.log.ErrorContext(ctx, "an audit event was removed from the database outside Keyhold", "event", e.ID)
	return s.audit.Append(context.WithoutCancel(ctx), e.Record)
}

// firstOctets are as many of the first events as have together at most limit octets, but one at least.
func firstOctets(events []EventRow, limit int) []EventRow {
	size := 0
	for i, e := range events {
		if size += len(e.Record); size > limit && i > 0 {
			return events[:i]
		}
	}
	return events
}

// logEvents appends the events that the log does not have.
func (s *Service) logEvents(ctx context.Context, events []EventRow) error {
	var doubtful []string
	for _, e := range events {
		if !s.outbox.takeFresh(e.ID) {
			doubtful = append(doubtful, e.ID)
		}
	}
	var present map[string]bool
	if len(doubtful) > 0 {
		var err error
		if present, err = s.audit.Has(ctx, doubtful); err != nil {
			return err
		}
	}
	var records [][]byte
	var ids []string
	for _, e := range events {
		err := s.signer.verify(ctx, &e)
		if _, forged := isTampered(err); forged {
			err = s.recordForgedEvent(ctx, e)
		} else if err == nil && !present[e.ID] {
			records, ids = append(records, e.Record), append(ids, e.ID)
		}
		if err != nil {
			return err
		}
	}
	if len(records) == 0 {
		return nil
	}
	err := s.audit.Append(ctx, records...)
	if errors.Is(err, audit.ErrUnwritten) { // as long as a disk is full, nobody need search the log for them
		for _, id := range ids {
			s.outbox.announce(id)
		}
	}
	return err
}
