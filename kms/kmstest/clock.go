package kmstest

import (
	"sync"
	"time"
)

// Clock is a time that stands still until a test moves it. Its Now method is a kms.Config.Now. It may be used
// concurrently.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts a clock at the given time.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now is the clock's time, in the location that it was set in.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d, backwards when d is negative: a service must survive that too.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Set moves the clock to the given time, earlier or later.
func (c *Clock) Set(to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = to
}
