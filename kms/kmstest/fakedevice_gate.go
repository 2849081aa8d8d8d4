package kmstest

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Place is where in a call a Gate stands.
type Place int

// The places.
const (
	BeforeCall  Place = iota + 1 // waiting for a session: before the guard and before any work
	BeforeReply                  // the work is done, the caller does not know it yet
)

type gatePlace struct {
	method Method
	place  Place
}

// Gate holds calls of one method until it is released; see FakeDevice.Block.
type Gate struct {
	arrived  chan struct{}
	released chan struct{}
	once     sync.Once
}

// gateQueue is how many calls may wait at one gate before their arrival is no longer told.
const gateQueue = 1 << 12

// Block makes every call of m wait at the given place until the gate is released or the call's context ends, which
// is then its error. A second Block of the same place replaces the gate for the calls to come.
func (d *FakeDevice) Block(m Method, at Place) *Gate {
	g := &Gate{arrived: make(chan struct{}, gateQueue), released: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.gates[gatePlace{m, at}] = g
	return g
}

// Await returns when n more calls have arrived at the gate; it ends the test if that takes a minute.
func (g *Gate) Await(t testing.TB, n int) {
	t.Helper()
	late := time.After(time.Minute)
	for i := range n {
		select {
		case <-g.arrived:
		case <-late:
			t.Fatalf("%d of %d calls arrived at the gate within a minute", i, n)
		}
	}
}

// Release opens the gate for good, for the calls that wait and all that follow.
func (g *Gate) Release() { g.once.Do(func() { close(g.released) }) }

func (d *FakeDevice) waitAt(ctx context.Context, at gatePlace) error {
	d.mu.Lock()
	g := d.faults.gates[at]
	d.mu.Unlock()
	if g == nil {
		return nil
	}
	select {
	case g.arrived <- struct{}{}:
	default:
	}
	select {
	case <-g.released:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
