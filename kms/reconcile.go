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
	Settled []BirthRow      // intents that are closed now, their objects destroyed or taken over
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
	_, err = s.sweepLocked(ctx, &r, true)
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
	// The sweep comes first: that an intent is open is how it is known, after a crash too, that a birth was cut short.
	// Where half-made objects are to be removed, no intent is closed before they are.
	swept, err := s.sweepLocked(ctx, &r, remove)
	mayClose := err == nil && (swept || !remove)
	errs := []error{err}
	for _, b := range births {
		err := s.settle(ctx, b)
		if err == nil && mayClose {
			err = s.store.CloseBirth(ctx, b.Object)
		}
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("settle the birth of object %s for key %s: %w", b.Object, b.KeyID, err))
		case mayClose:
			r.Settled = append(r.Settled, b)
		}
	}
	return r, errors.Join(errs...)
}

// sweepLocked deals with half-made keys and tells whether it looked: not while a birth is under way, whose object may be
// half-made just now.
func (s *Service) sweepLocked(ctx context.Context, r *Reconciliation, remove bool) (bool, error) {
	if len(s.nursery.inside) > 0 {
		return false, nil
	}
	objects, err := s.device.Inventory(ctx)
	if err != nil {
		return false, err
	}
	var errs []error
	for _, o := range objects {
		switch {
		case !IsDebris(o, s.device.Exclusive()):
		case !remove:
			r.Debris = append(r.Debris, o)
		default:
			if err := s.device.DestroyDebris(ctx, o); err != nil && !errors.Is(err, device.ErrKeyNotFound) {
				errs = append(errs, fmt.Errorf("remove debris: %w", err))
				continue
			}
			r.Removed = append(r.Removed, o)
		}
	}
	return true, errors.Join(errs...)
}

// IsDebris tells a half-made key, which nobody can use: one without a value. On an exclusive token a secret key
// without an id is debris too; on a shared one it may be a stranger's.
func IsDebris(o device.Object, exclusive bool) bool {
	if o.Class != "secret key" && o.Class != "unknown" {
		return false
	}
	return !o.HasValue || exclusive && len(o.ID) == 0
}
