package admission

import (
	"context"
	"sync"
	"time"
)

// Gate lets requests in. It is safe for concurrent use and has no goroutines of its own.
type Gate struct {
	capacity int
	wait     time.Duration
	now      func() time.Time
	waited   func(time.Duration)
	start    time.Time

	mu      sync.Mutex
	limits  limits
	inside  int // below capacity only when nobody waits
	line    *line
	entered uint64
	refused [reasons]uint64
}

// New makes a Gate. It refuses negative bounds, rates out of range, unknown classes and a missing clock.
func New(c Config) (*Gate, error) {
	c, err := c.resolved()
	if err != nil {
		return nil, err
	}
	limits, err := newLimits(c.Rates, c.Remember)
	if err != nil {
		return nil, err
	}
	return &Gate{capacity: c.Capacity, wait: c.Wait, now: c.Now, waited: c.Waited, start: c.Now(), limits: limits, line: newLine(c.Queue)}, nil
}

// Enter lets a request in, at once or when its turn comes. The caller calls leave when the request has been answered;
// calling it again does nothing. With an error leave is nil, and the error is either
//
//   - a Reason, for which errors.Is(err, ErrThrottled) holds: over a rate, or too many waited, or it waited too long;
//   - or ctx's, when that ended first.
//
// What a request took from its rates it does not give back when it is refused afterwards.
func (g *Gate) Enter(ctx context.Context, t Ticket) (leave func(), err error) {
	w, why := g.arrive(ctx, t)
	switch {
	case w != nil:
		why = g.await(ctx, w)
		g.waited(g.now().Sub(w.since))
	case !t.Exempt && (why == 0 || why == Crowded):
		g.waited(0)
	}
	switch {
	case why == Abandoned:
		return nil, ctx.Err()
	case why != 0:
		return nil, why
	case t.Exempt:
		return func() {}, nil
	}
	left := false // guarded by mu
	return func() { g.leave(&left) }, nil
}

// arrive lets the request in, or refuses it, or hands out the waiter that it becomes.
func (g *Gate) arrive(ctx context.Context, t Ticket) (*waiter, Reason) {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if ctx.Err() != nil {
		return nil, g.refuseLocked(Abandoned)
	}
	if why := g.limits.take(t, int64(now.Sub(g.start))); why != 0 {
		return nil, g.refuseLocked(why)
	}
	if t.Exempt || g.inside < g.capacity {
		g.entered++
		if !t.Exempt {
			g.inside++
		}
		return nil, 0
	}
	who := caller{t.Account, t.Principal}
	victim, room := g.line.makeRoom(who)
	if !room {
		return nil, g.refuseLocked(Crowded)
	}
	if victim != nil {
		victim.settle(g.refuseLocked(Crowded))
	}
	return g.line.push(who, now), 0
}

func (g *Gate) refuseLocked(why Reason) Reason {
	g.refused[why]++
	return why
}

// await returns when w has been let in, with 0, or must go away.
func (g *Gate) await(ctx context.Context, w *waiter) Reason {
	deadline := time.NewTimer(g.wait)
	defer deadline.Stop()
	select {
	case <-w.settled:
		return w.outcome
	case <-deadline.C:
		return g.withdraw(w, Expired)
	case <-ctx.Done():
		return g.withdraw(w, Abandoned)
	}
}

// withdraw takes w out of the line, unless somebody else did so a moment ago: then that holds.
func (g *Gate) withdraw(w *waiter, why Reason) Reason {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.queue == nil {
		return w.outcome
	}
	g.line.remove(w)
	return g.refuseLocked(why)
}

// leave hands the place to whose turn it is.
func (g *Gate) leave(left *bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if *left {
		return
	}
	*left = true
	w := g.line.next()
	if w == nil {
		g.inside--
		return
	}
	g.entered++
	w.settle(0)
}
