package hsm

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Health is how a token is, for operators and for readiness.
type Health string

// The states. Requests are served in the first two; in the third they wait for the recovery, no longer than a
// CallTimeout; in the others they fail at once.
const (
	Healthy      Health = "healthy"
	Degraded     Health = "degraded"      // it serves, but some calls have not returned or fail again and again
	Recovering   Health = "recovering"    // the ladder is being climbed
	LoginRefused Health = "login-refused" // the PIN was refused: nothing is tried until Login
	Stuck        Health = "stuck"         // calls that do not return stand in the way of recovery
	Down         Health = "down"          // the ladder was climbed in vain; it is tried again
)

// Serves tells that requests are let through to the token.
func (h Health) Serves() bool { return h == Healthy || h == Degraded }

// ladder is how a token comes back: prove, log in anew on a new anchor, initialise the module anew. One climb runs at a
// time, on a goroutine of its own, and whoever meets a fault waits for its verdict.
type ladder struct {
	serving atomic.Bool   // health.Serves(), for the hot path
	kick    chan struct{} // look now
	moved   chan struct{} // the next look is due at another time than before
	stop    chan struct{}
	all     sync.WaitGroup // every goroutine of the token but flights

	mu         sync.Mutex
	health     Health
	why        error
	since      time.Time
	next       time.Time // of the next attempt, when not serving
	running    *climb
	closed     bool
	proof      Proof
	stuckSince time.Time
	suspect    error // what went wrong although the token had been proved alive,
	suspectAt  time.Time

	// Only the climb that runs uses these.
	looks, logins, reopens, reinits backoff
	failures                        uint64 // C_Login calls that have failed, as far as logins counts them
}

// The pauses. A look is cheap: it calls C_Login only when it sees a token that nobody is logged in to, and when the
// last C_Login that the token answered with an error is long enough ago.
const (
	leastPause   = 500 * time.Millisecond
	mostPause    = 30 * time.Second
	lookPause    = 3 * time.Second
	restPause    = 4 * time.Second
	suspectFor   = 30 * time.Second
	stuckTooLong = time.Minute
)

func newLadder() ladder {
	return ladder{
		kick: make(chan struct{}, 1), moved: make(chan struct{}, 1), stop: make(chan struct{}), health: Recovering,
		looks:  backoff{least: leastPause, most: lookPause},
		logins: backoff{least: leastPause, most: mostPause}, reopens: backoff{least: leastPause, most: mostPause},
		reinits: backoff{least: leastPause, most: mostPause},
	}
}

// order is what a climb is asked for, beyond a look.
type order struct {
	first   bool  // Open: one login, and no other way if it fails
	login   bool  // the operator: a refused login is tried again
	reinit  bool  // the operator: initialise the module anew, whoever else uses it
	hang    bool  // a call has not returned: requests wait until the token is proved alive
	suspect error // a request failed again although the token had been proved alive
}

func (o order) ofOperator() bool { return o.first || o.login || o.reinit }

// climb is one way up the ladder.
type climb struct {
	order   order
	begun   time.Time
	life    uint64        // of the module, in which something is wrong
	done    chan struct{} // closed when what follows is set
	cause   error         // as it was met
	err     error         // as requests get it
	answer  error         // to the operator, when the order was not carried out
	renewed *epoch        // the new one, if there is any

	reinitDue time.Time // zero, or when the module may be initialised anew, which may be all that helps
}

// mostHung is how many climbs may leave a call behind that has not returned, before it is certain enough that the next
// one would do the same.
const mostHung = 4

// joinClimb returns the climb that runs, or begins one. nil without an error: the token has been repaired since seen.
func (t *Token) joinClimb(seen *epoch, o order) (*climb, error) {
	l := &t.ladder
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, unavailable("it is closed")
	case l.running != nil:
		return l.running, nil
	case l.health == LoginRefused && !o.login:
		return nil, l.refusalLocked()
	case !o.ofOperator() && l.health.Serves() && t.epoch.Load() != seen:
		return nil, nil
	}
	c := &climb{order: o, begun: t.cfg.Now(), done: make(chan struct{})}
	l.running = c
	if o.hang {
		l.setLocked(Recovering, errors.New("a call has not returned"), c.begun)
	}
	l.all.Go(func() {
		ctx, cancel := l.untilStopped()
		defer cancel()
		t.finish(c, t.ascend(ctx, c))
	})
	return c, nil
}

// untilStopped is a context that ends with the token.
func (l *ladder) untilStopped() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		select {
		case <-l.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// refuse ends the climb that runs and lets none begin.
func (l *ladder) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.stop)
	}
}

// end waits, after refuse, for the goroutines of the token.
func (l *ladder) end(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		l.all.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// setLocked changes the state. The first reason for a state stays with its time.
func (l *ladder) setLocked(h Health, why error, now time.Time) {
	if h != l.health {
		l.since = now
	}
	l.health, l.why = h, why
	l.serving.Store(h.Serves())
}

// await waits for a climb's verdict.
func (t *Token) await(ctx context.Context, c *climb, patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return leftEarly(ctx.Err())
	case <-timer.C:
		return unavailable("it has been recovering for %v", patience)
	}
}
