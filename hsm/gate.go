package hsm

import (
	"context"
	"errors"
	"sync"
)

// gate counts the calls inside a module. C_Finalize with a call in flight ends the process (measured on SoftHSM
// 2.6.1: 10 of 10 times), so it happens only behind a gate that is closed and empty.
type gate struct {
	mu     sync.Mutex
	inside int
	empty  chan struct{} // closed when inside falls to 0; set by pause
	paused chan struct{} // closed at the end of the pause; nil: no pause
	shut   bool          // the module is not initialised
}

// errShut is the refusal of a gate behind which nothing is initialised.
var errShut = errors.New("the module is not initialised")

// enter admits one call. While the module is being initialised anew it waits, until the context ends.
func (g *gate) enter(ctx context.Context) error {
	for {
		paused, err := g.tryEnter()
		if paused == nil {
			return err
		}
		select {
		case <-paused:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryEnter returns what to wait for during a pause.
func (g *gate) tryEnter() (paused <-chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.paused != nil:
		return g.paused, nil
	case g.shut:
		return nil, errShut
	}
	g.inside++
	return nil, nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.inside == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// pause admits no more calls and waits until none is inside. On the context's error calls are still inside, and the
// gate is as it was. After a success the pause lasts until settle. One pause at a time: its caller holds the module's
// life.
func (g *gate) pause(ctx context.Context) error {
	g.mu.Lock()
	g.paused = make(chan struct{})
	if g.inside == 0 {
		g.mu.Unlock()
		return nil
	}
	empty := make(chan struct{})
	g.empty = empty
	g.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return g.abandonPause(empty, ctx.Err())
	}
}

// abandonPause opens the gate again, unless the last call has left at the same moment.
func (g *gate) abandonPause(empty <-chan struct{}, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-empty:
		return nil
	default:
	}
	g.empty = nil
	g.endPauseLocked()
	return err
}

// settle ends a pause: calls are admitted, or refused at once.
func (g *gate) settle(initialised bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = !initialised
	g.endPauseLocked()
}

func (g *gate) endPauseLocked() {
	if g.paused != nil {
		close(g.paused)
		g.paused = nil
	}
}

// turn is a lock that can be waited for with a context, and be released by another goroutine than took it: the one
// that ends a call which its caller has left.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take has no turn for whoever comes with a context that has ended.
func (t turn) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) give() { <-t }
