package kmstest

import (
	"sync"
	"testing"
	"time"
)

func TestClockMovesOnlyWhenTold(t *testing.T) {
	start := time.Date(2026, 2, 28, 23, 59, 59, 0, time.UTC)
	c := NewClock(start)
	if a, b := c.Now(), c.Now(); !a.Equal(start) || !b.Equal(start) {
		t.Fatalf("untouched clock: %v, then %v", a, b)
	}
	c.Advance(time.Second)
	if want := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC); !c.Now().Equal(want) {
		t.Fatalf("advanced by a second: %v, want %v", c.Now(), want)
	}
	c.Advance(-2 * time.Second)
	if want := start.Add(-time.Second); !c.Now().Equal(want) {
		t.Fatalf("moved back: %v, want %v", c.Now(), want)
	}
	c.Set(start)
	if !c.Now().Equal(start) {
		t.Fatalf("set: %v, want %v", c.Now(), start)
	}
}

func TestClockLosesNoAdvanceOfManyGoroutines(t *testing.T) {
	start := time.Unix(0, 0)
	c := NewClock(start)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 100 {
				c.Advance(time.Millisecond)
				c.Now()
			}
		})
	}
	all.Wait()
	if got := c.Now().Sub(start); got != 1600*time.Millisecond {
		t.Fatalf("1600 advances of a millisecond moved the clock by %v", got)
	}
}
