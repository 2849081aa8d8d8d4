package kms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/kms/device"
)

// Reconciliation is what Reconcile did and found.
type Reconciliation struct {
	Settled []BirthRow      // intents that are closed now, their objects destroyed or taken over
	Kept    []BirthRow      // intents that ask for the death of an object that may be a live key: both were left alone
	Forged  []BirthRow      // intents that Keyhold did not write; they were not followed
	Removed []device.Object // debris that was destroyed
	Debris  []device.Object // debris that was left: the token is shared and nobody said to remove it
}

// Reconcile closes what a crash left open: births that no change took over, and on an exclusive token the half-made
// objects that a dying process, or a token that failed a birth, leaves behind; these also when no birth is open. It deletes no row because a search came back empty, does not touch births
// that are under way in this process, and destroys no whole object whose birth the token does not know to be unfinished.
func (s *Service) Reconcile(ctx context.Context) (Reconciliation, error) {
	if err := s.nursery.reconciler.take(ctx); err != nil {
		return Reconciliation{}, err
	}
	defer s.nursery.reconciler.give()
	births, err := s.openBirthsLocked(ctx)
	if err != nil {
		return Reconciliation{}, err
	}
	if len(births) == 0 {
		return s.tidyLocked(ctx)
	}
	return s.reconcileLocked(ctx, births, s.device.Exclusive())
}

// settleBirths is Reconcile for those that do not serve: without an open birth it does not ask the token.
func (s *Service) settleBirths(ctx context.Context) (Reconciliation, error) {
	if err := s.nursery.reconciler.take(ctx); err != nil {
		return Reconciliation{}, err
	}
	defer s.nursery.reconciler.give()
	births, err := s.openBirthsLocked(ctx)
	if err != nil || len(births) == 0 {
		return Reconciliation{}, err
	}
	return s.reconcileLocked(ctx, births, s.device.Exclusive())
}

// tidyLocked removes half-made objects of which no intent tells. A token may fail a birth and hide what it left of it
// until it is opened again, when the birth has long succeeded at a second attempt (SoftHSM 2.6.1).
func (s *Service) tidyLocked(ctx context.Context) (Reconciliation, error) {
	var r Reconciliation
	if !s.device.Exclusive() {
		return r, nil
	}
	_, err := s.sweepLocked(ctx, &r, sweep{list: s.device.HalfMade, remove: true})
	return r, errors.Join(err, s.recordReconciliation(ctx, r))
}

// RemoveDebris is Reconcile on the operator's word: it removes debris from a shared token too, and looks for it even
// when no birth was cut short. Intents that are not followed are closed; the objects that they name stay in the token.
func (s *Service) RemoveDebris(ctx context.Context) (Reconciliation, error) {
	if err := s.nursery.reconciler.take(ctx); err != nil {
		return Reconciliation{}, err
	}
	defer s.nursery.reconciler.give()
	births, err := s.openBirthsLocked(ctx)
	if err != nil {
		return Reconciliation{}, err
	}
	r, err := s.reconcileLocked(ctx, births, true)
	errs := []error{err}
	for _, b := range slices.Concat(r.Kept, r.Forged) {
		errs = append(errs, s.store.CloseBirth(ctx, b.Object))
	}
	return r, errors.Join(errs...)
}

// openBirthsLocked are the intents that are not this process's own, markers last: an object is settled while its marker
// is there.
func (s *Service) openBirthsLocked(ctx context.Context) ([]BirthRow, error) {
	if err := s.nursery.door.take(ctx); err != nil {
		return nil, err
	}
	defer s.nursery.door.give()
	inside := s.nursery.underWay() // before the rows are read: what ends meanwhile is not taken for what a crash left
	births, err := s.store.Births(ctx)
	births = slices.DeleteFunc(births, func(b BirthRow) bool { return inside[b.Object] })
	slices.SortStableFunc(births, func(a, b BirthRow) int {
		return cmp.Compare(boolInt(a.isMarker()), boolInt(b.isMarker()))
	})
	return births, err
}

func (s *Service) reconcileLocked(ctx context.Context, births []BirthRow, remove bool) (Reconciliation, error) {
	var r Reconciliation
	var errs []error
	needed := map[device.ObjectID]bool{} // markers of objects that are not settled
	genuine := slices.DeleteFunc(slices.Clone(births), func(b BirthRow) bool {
		err := s.signer.verify(ctx, &b)
		if _, forged := isTampered(err); forged {
			r.Forged = append(r.Forged, b)
		} else if err != nil {
			needed[markerOf(b.Object)] = true
			errs = append(errs, err)
		}
		return err != nil
	})
	mayClose := true
	if len(genuine) > 0 || remove && len(births) == 0 {
		// The sweep comes first: that an intent is open is how it is known, after a crash too, that a birth was cut
		// short. Where half-made objects are to be removed, no intent is closed before they are.
		swept, err := s.sweepLocked(ctx, &r, sweep{list: s.device.Inventory, remove: remove})
		mayClose = err == nil && (swept || !remove)
		errs = append(errs, err)
	}
	for _, b := range genuine {
		if needed[b.Object] {
			continue
		}
		if err := s.settleLocked(ctx, &r, b, mayClose); err != nil {
			needed[markerOf(b.Object)] = true
			errs = append(errs, fmt.Errorf("settle the birth of object %s for key %q: %w", b.Object, b.KeyID, err))
		}
	}
	errs = append(errs, s.closeLocked(ctx, &r))
	return r, errors.Join(errs...)
}

// closeLocked records what was done and then closes the intents: what is not recorded is done, and recorded, again.
func (s *Service) closeLocked(ctx context.Context, r *Reconciliation) error {
	if err := s.recordReconciliation(ctx, *r); err != nil {
		r.Settled = nil
		return err
	}
	var errs []error
	for _, b := range r.Settled {
		errs = append(errs, s.store.CloseBirth(ctx, b.Object))
	}
	return errors.Join(errs...)
}

func (s *Service) settleLocked(ctx context.Context, r *Reconciliation, b BirthRow, mayClose bool) error {
	err := s.settle(ctx, b, marked)
	if errors.Is(err, errOutlived) {
		r.Kept = append(r.Kept, b)
		s.log.WarnContext(ctx, "an old intent asks for the death of what may be a live key; it is not followed", "object", b.Object.String(), "key", string(b.KeyID))
		return nil
	}
	if err != nil || !mayClose {
		return err
	}
	r.Settled = append(r.Settled, b)
	return nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sweep says where half-made keys are looked for, and whether they are removed.
type sweep struct {
	list   func(context.Context) ([]device.Object, error)
	remove bool
}

// sweepLocked deals with half-made keys and tells whether it looked. It looks twice: births go on the first time, for a
// token may take minutes, and only if there is something half-made, which may be one of theirs, they have to wait. While
// one is under way it does not look again.
func (s *Service) sweepLocked(ctx context.Context, r *Reconciliation, how sweep) (bool, error) {
	objects, err := how.list(ctx)
	if err != nil || !slices.ContainsFunc(objects, device.Object.HalfMade) {
		return err == nil, err
	}
	if err := s.nursery.door.take(ctx); err != nil {
		return false, err
	}
	defer s.nursery.door.give()
	if len(s.nursery.underWay()) > 0 {
		return false, nil
	}
	if objects, err = how.list(ctx); err != nil {
		return false, err
	}
	var errs []error
	for _, o := range objects {
		switch {
		case !o.HalfMade():
		case !how.remove:
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
