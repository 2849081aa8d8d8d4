package kms

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/kms/api"
)

// commit applies the change of a mutation together with its audit event, publishes it, and brings the event into the
// log. From the moment that it returns nobody acts on the old state.
func (c *Call) commit(ctx context.Context, change Change, out any) error {
	c.change = &change
	record, err := c.record(out, nil)
	if err != nil {
		return err
	}
	change.Events = append(change.Events, EventRow{ID: c.eventID, Record: record})
	change.Expect = append(change.Expect, c.expectations(change)...)
	switch err := c.service.apply(ctx, change, c.guard); {
	case errors.Is(err, ErrKeyLimit):
		return api.KeyLimit(string(change.Keys[0].Account), change.MaxKeys)
	case errors.Is(err, ErrAliasLimit):
		return api.AliasLimit(c.service.realm.KeyARN(change.Aliases[0].Account, change.Aliases[0].KeyID))
	case errors.Is(err, ErrGrantLimit):
		return api.GrantLimit(c.Key(0).ARN())
	case err != nil:
		return errors.Join(err, c.forkEvent())
	}
	c.service.born(ctx, c.births)
	c.births, c.recorded = nil, true
	return c.service.deliver(ctx, EventRow{ID: c.eventID, Record: record})
}

// forkEvent gives the record of a change that failed an id of its own. The store may have made the change all the same,
// when its disk failed at the wrong moment, or something panicked after it: the event in the outbox must not be taken for
// this one then.
func (c *Call) forkEvent() (err error) {
	c.eventID, err = c.service.uuid()
	return err
}

// expectations are the rows that the decision was based on and the change does not write.
func (c *Call) expectations(change Change) []Expectation {
	written := map[Expectation]bool{{}: true}
	for _, r := range change.Keys {
		written[Expectation{Key: r.ID}] = true
	}
	for _, r := range slices.Concat(change.Aliases, change.DropAliases) {
		written[Expectation{Account: r.Account, Alias: r.Name}] = true
	}
	for _, r := range slices.Concat(change.Principals, change.DropPrincipals) {
		written[Expectation{Principal: r.ID}] = true
	}
	for _, r := range slices.Concat(change.AccessKeys, change.DropAccessKeys) {
		written[Expectation{AccessKey: r.ID}] = true
	}
	for _, r := range change.Accounts {
		written[Expectation{Account: r.ID}] = true
	}
	var expect []Expectation
	for _, r := range c.relied {
		row := r.row
		row.Rev = 0
		if !written[row] {
			written[row] = true
			expect = append(expect, r.row)
		}
	}
	return expect
}

// apply checks the transitions, authenticates the rows and makes the change. guard is the last look before the store is
// called; nil for a change that rests on nothing but the rows it writes.
func (s *Service) apply(ctx context.Context, change Change, guard func() error) error {
	if err := s.checkTransitions(ctx, change); err != nil {
		return err
	}
	change, err := s.signer.signChange(ctx, change)
	if err != nil {
		return err
	}
	for _, e := range change.Events {
		s.outbox.announce(e.ID)
	}
	err = s.publish(ctx, change, guard)
	if err != nil {
		s.outbox.retract(change.Events)
	}
	s.tellDropped(change)
	if errors.Is(err, ErrConflict) {
		return errStale
	}
	return err
}

// publish makes a change in the store and drops the snapshots of before, one change at a time: what guard has found to be
// the newest still is when the change is made. The revisions that a change expects could not tell as much: a list of
// grants or of aliases has none, and a row that was deleted and made again begins anew. Whatever the store answers, even
// that it failed, and if it does not answer at all, it may have made the change.
func (s *Service) publish(ctx context.Context, change Change, guard func() error) error {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if err := ctx.Err(); err != nil { // nobody waits for it any more, and nothing has been done
		return err
	}
	if guard != nil {
		if err := guard(); err != nil {
			return err
		}
	}
	defer s.snapshots.invalidate(change)
	return s.store.Apply(context.WithoutCancel(ctx), change)
}

// checkTransitions refuses a change that the tables in states.go do not know, whoever made it.
func (s *Service) checkTransitions(ctx context.Context, change Change) error {
	for _, r := range change.Keys {
		from := KeyRow{}
		if r.Rev > 1 {
			key, err := s.key(ctx, r.ID)
			if err != nil {
				return err
			}
			from = key.Row()
		}
		if !mayBecome(keyTransitions, from.State, r.State) {
			return fmt.Errorf("a key cannot go from %q to %q", from.State, r.State)
		}
	}
	for _, r := range change.Generations {
		from := GenerationState("")
		if r.Rev > 1 {
			key, err := s.key(ctx, r.KeyID)
			if err != nil {
				return err
			}
			from = key.Generations()[r.Number-1].State
		}
		if !mayBecome(generationTransitions, from, r.State) {
			return fmt.Errorf("a generation cannot go from %q to %q", from, r.State)
		}
	}
	return nil
}
