package hsm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/kms/device"
)

// flight is one stay inside the module. A cgo call cannot be cancelled, so it has its own goroutine, and whoever waits
// for it may leave: run must therefore own all memory that it touches.
type flight struct {
	run func() error
	// lost, when set, is told that run has taken longer than the limit.
	lost func()
	// late is told run's error when nobody waited for it: it gives back what run used. wasLost tells that lost was
	// told before.
	late func(err error, wasLost bool)
}

// fly runs f and waits for it, until the context ends or the limit passes; left tells that run goes on, or went on,
// without its caller, and that late was or will be called. A run that never returns holds one goroutine and one
// thread; whoever calls fly bounds how many there can be.
func (m *module) fly(ctx context.Context, limit time.Duration, f flight) (left bool, err error) {
	if err := m.enter(ctx, limit); err != nil {
		return false, err
	}
	done := make(chan error, 1)
	go func() {
		defer m.gate.leave()
		done <- f.run()
	}()
	timer := time.NewTimer(limit)
	select {
	case err := <-done:
		timer.Stop()
		return false, err
	case <-ctx.Done():
		go m.watch(f, done, timer)
		return true, leftEarly(ctx.Err())
	case <-timer.C:
		if err, ok := landed(done); ok {
			return false, err
		}
		m.giveUp(f, done)
		return true, unavailable("a call has not returned within %v and is given up", limit)
	}
}

// enter goes through the gate, where a new initialisation of the module may hold the caller up.
func (m *module) enter(ctx context.Context, limit time.Duration) error {
	paused, err := m.gate.tryEnter()
	if paused != nil {
		wait, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		err = m.gate.enter(wait)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return leftEarly(ctx.Err())
	case errors.Is(err, errShut):
		return fmt.Errorf("%w: %s: %w", device.ErrUnavailable, m.path, errShut)
	default:
		return unavailable("the module %s has been initialising for more than %v", m.path, limit)
	}
}

// leftEarly is what a caller gets whose context ended while the token worked: a cancellation as it is.
func leftEarly(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: the request's deadline passed while the token worked: %w", device.ErrUnavailable, err)
	}
	return err
}

// watch sees a flight to its end after its caller has left.
func (m *module) watch(f flight, done <-chan error, timer *time.Timer) {
	defer timer.Stop()
	select {
	case err := <-done:
		f.late(err, false)
	case <-timer.C:
		if err, ok := landed(done); ok {
			f.late(err, false)
			return
		}
		m.giveUp(f, done)
	}
}

// landed looks once more before a flight is given up: on a machine that stood still both have happened.
func landed(done <-chan error) (err error, ok bool) {
	select {
	case err := <-done:
		return err, true
	default:
		return nil, false
	}
}

// giveUp counts a flight that has taken too long among the module's strays, until it lands after all.
func (m *module) giveUp(f flight, done <-chan error) {
	m.strays.Add(1)
	if f.lost != nil {
		f.lost()
	}
	go func() {
		err := <-done
		m.strays.Add(-1)
		f.late(err, true)
	}()
}
