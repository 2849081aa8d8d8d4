// Package pulse tells tests that go by the clock whether the machine stood still meanwhile.
package pulse

import (
	"sync"
	"sync/atomic"
	"time"
)

// Pulse beats every 10 ms while the process gets a processor. Its methods may be called from any goroutine.
type Pulse struct {
	longest atomic.Int64
	stop    chan struct{}
	ended   sync.WaitGroup
}

// Begin begins a pulse, which End ends.
func Begin() *Pulse {
	const every = 10 * time.Millisecond
	p := &Pulse{stop: make(chan struct{})}
	p.ended.Go(func() {
		beat := time.NewTicker(every)
		defer beat.Stop()
		for last := time.Now(); ; {
			select {
			case <-p.stop:
				return
			case <-beat.C:
			}
			now := time.Now()
			p.longest.Store(max(p.longest.Load(), int64(now.Sub(last)-every)))
			last = now
		}
	})
	return p
}

// Longest is for how long, since it began, this process, and so most likely the machine, has stood still at the longest.
func (p *Pulse) Longest() time.Duration { return time.Duration(p.longest.Load()) }

// End ends it, once, and tells what Longest tells from then on.
func (p *Pulse) End() time.Duration {
	close(p.stop)
	p.ended.Wait()
	return p.Longest()
}
