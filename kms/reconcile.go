package kms

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/kms/device"
)

// Reconciliation is what Reconcile did and found.
type Reconciliation struct {
	Settled []BirthRow      // open intents that are closed now, their objects destroyed or taken over
	Removed []device.Object // debris that was destroyed
	Debris  []device.Object // debris that was left: the token is shared and nobody said to remove it
}

// Reconcile closes what a crash left open: births that no change took over, and on an exclusive token the half-made
// objects that a dying process leaves behind. It deletes no row because a search came back empty, and does not touch
// births that are under way in this process.
func (s *Service) Reconcile(ctx context.Context) (Reconciliation, error) {
	return s.reconcile(ctx, s.device.Exclusive())
}

// RemoveDebris is Reconcile on the operator's word: it removes debris from a shared token too, and looks for it even
// when no birth was cut short.
func (s *Service) RemoveDebris(ctx context.Context) (Reconciliation, error) {
	r, err := s.reconcile(ctx, true)
	if err != nil {
		return r, err
	}
	s.nursery.mu.Lock()
	defer s.nursery.mu.Unlock()
	err = s.sweepLocked(ctx, &r, true)
	return r, err
}

// reconcile holds the nursery closed: while it looks, no birth begins.
func (s *Service) reconcile(ctx context.Context, remove bool) (Reconciliation, error) {
	s.nursery.mu.Lock()
	defer s.nursery.mu.Unlock()
	var r Reconciliation
	births, err := s.store.Births(ctx)
	births = slices.DeleteFunc(births, func(b BirthRow) bool { return s.nursery.inside[b.Object] })
	if err != nil || len(births) == 0 {
		return r, err
	}
	// The sweep comes first: while an intent is open it is known that a birth was cut short.
	if err := s.sweepLocked(ctx, &r, remove); err != nil {
		return r, err
	}
	var errs []error
	for _, b := range births {
		if err := s.settle(ctx, b); err != nil {
			errs = append(errs, fmt.Errorf("settle the birth of object %s for key %s: %w", b.Object, b.KeyID, err))
			continue
		}
		r.Settled = append(r.Settled, b)
	}
	return r, errors.Join(errs...)
}

// sweepLocked deals with half-made keys, unless a birth is under way: its object may be half-made just now.
func (s *Service) sweepLocked(ctx context.Context, r *Reconciliation, remove bool) error {
	if len(s.nursery.inside) > 0 {
		return nil
	}
	objects, err := s.device.Inventory(ctx)
	if err != nil {
		return err
	}
	for _, o := range objects {
		switch {
		case !IsDebris(o, s.device.Exclusive()):
		case !remove:
			r.Debris = append(r.Debris, o)
		default:
			if err := s.device.DestroyDebris(ctx, o); err != nil && !errors.Is(err, device.ErrKeyNotFound) {
				return fmt.Errorf("remove debris: %w", err)
			}
			r.Removed = append(r.Removed, o)
		}
	}
	return nil
}

// IsDebris tells a half-made key, which nobody can use: one without a value. On an exclusive token a secret key
// without an id is debris too; on a shared one it may be a stranger's.
func IsDebris(o device.Object, exclusive bool) bool {
	if o.Class != "secret key" && o.Class != "unknown" {
		return false
	}
	return !o.HasValue || exclusive && len(o.ID) == 0
}
