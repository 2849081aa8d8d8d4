package hsm

import (
	"context"
	"fmt"
	"sync"
)

// shelf keeps listings and changes of objects apart, for all sessions of a module in this process. SoftHSM 2.6.1 writes
// the file of a new object some 36 times, under a lock that does not exclude threads of its own process, while each
// C_FindObjectsInit reads every file that has changed. A listing that meets a file just emptied declares the object
// invalid: C_GenerateKey answers CKR_GENERAL_ERROR, the file stays, without id or value, and this process never lists it
// again, so that only the next one can remove it. One that meets a file half written makes the object lose attributes.
// Other modules need it no more than it hurts them: keys are made and listed rarely.
type shelf struct {
	door turn // held by a change as long as it lasts, by a listing for a moment

	mu       sync.Mutex
	listings int
	empty    chan struct{} // closed when listings falls to 0; nil: no change waits
}

func newShelf() *shelf { return &shelf{door: newTurn()} }

// list lets a listing begin, beside others and after a change that waits.
func (s *shelf) list(ctx context.Context) error {
	if err := s.door.take(ctx); err != nil {
		return err
	}
	defer s.door.give()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listings++
	return nil
}

func (s *shelf) listed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listings--
	if s.listings == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}

// change lets a change begin once no listing is under way.
func (s *shelf) change(ctx context.Context) error {
	if err := s.door.take(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	if s.listings == 0 {
		s.mu.Unlock()
		return nil
	}
	empty := make(chan struct{})
	s.empty = empty
	s.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		s.empty = nil
		s.mu.Unlock()
		s.door.give()
		return ctx.Err()
	}
}

func (s *shelf) changed() { s.door.give() }

// listing runs what lists objects.
func (t *Token) listing(run func() error) error {
	return t.shelved(run, t.mod.shelf.list, t.mod.shelf.listed)
}

// changing runs what makes or destroys a token object.
func (t *Token) changing(run func() error) error {
	return t.shelved(run, t.mod.shelf.change, t.mod.shelf.changed)
}

// shelved waits no longer than would make its own call count as lost: the one that hangs is another.
func (t *Token) shelved(run func() error, begin func(context.Context) error, end func()) error {
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.CallTimeout/2)
	defer cancel()
	if err := begin(ctx); err != nil {
		return fmt.Errorf("%w: the token's objects are being listed or changed by a call that has not ended", busyOr(err))
	}
	defer end()
	return run()
}
