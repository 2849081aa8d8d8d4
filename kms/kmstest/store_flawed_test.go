package kmstest

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/kms"
)

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
