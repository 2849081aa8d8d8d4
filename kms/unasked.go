package kms

import (
	"context"
	"time"
)

// unasked is a key that Keyhold makes without CreateKey: its own sealing key, or the key of a service.
type unasked struct {
	key    *Key     // without key material
	alias  AliasRow // its account and name
	now    time.Time
	expect func(Change) []Expectation // what the change rests on; nil: nothing
	guard  func() error               // the last look before the change is made; nil: none
}

// bear makes the key and its alias in one change, and answers the event of it, which is yet to be delivered. Once begun
// it is finished: others may be waiting for the key, though the one who asked first goes away.
func (s *Service) bear(ctx context.Context, u unasked) (EventRow, error) {
	ctx = context.WithoutCancel(ctx)
	var births []labour
	defer func() { s.abandon(ctx, births) }() // whatever the change has not taken over, after a panic too
	key, alias := u.key.Row(), u.alias
	newborn, err := s.birth(ctx, key.ID, 1, "", key.CreatedAt, &births)
	if err != nil {
		return EventRow{}, err
	}
	alias.Rev, alias.KeyID, alias.CreatedAt, alias.UpdatedAt = 1, key.ID, key.CreatedAt, key.CreatedAt
	change := Change{Keys: []KeyRow{key}, Policies: []PolicyRow{u.key.record.Policy}, Aliases: []AliasRow{alias}}
	newborn.Fulfil(&change)
	if u.expect != nil {
		change.Expect = u.expect(change)
	}
	if change.Events, err = s.serviceKeyEvent(u.key, alias, u.now); err != nil {
		return EventRow{}, err
	}
	if err := s.apply(ctx, change, u.guard); err != nil {
		return EventRow{}, err
	}
	s.born(ctx, births)
	births = nil
	return change.Events[0], nil
}
