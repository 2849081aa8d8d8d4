package hsm

import (
	"errors"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/kms/device"
)

// finish records a climb's outcome and tells those who wait.
func (t *Token) finish(c *climb, err error) {
	l, now := &t.ladder, t.cfg.Now()
	l.mu.Lock()
	before := l.health
	if !l.closed {
		l.proof = proofOf(now, err)
		l.setLocked(t.healthAfter(err), err, now)
	}
	if err == nil {
		l.looks.succeed()
		l.reinits.succeed()
	} else {
		l.looks.spend(now)
	}
	l.next, l.running, c.cause = c.nextLook(l.looks.next), nil, err
	if err != nil {
		c.err = l.refusalLocked()
	}
	after := l.health
	tooLong := l.stuckTooLongLocked(now)
	l.mu.Unlock()
	close(c.done)
	t.relistLater(c)
	t.logChange(before, after, err)
	if tooLong {
		t.tellStuck(err)
	}
	signal(l.moved)
}

// nextLook moves a look to the time when it may do more than look, if that is near.
func (c *climb) nextLook(planned time.Time) time.Time {
	if c.reinitDue.IsZero() || c.reinitDue.After(planned.Add(leastPause)) {
		return planned
	}
	return c.reinitDue
}

func (t *Token) healthAfter(err error) Health {
	switch {
	case err == nil:
		return Healthy
	case errors.Is(err, device.ErrLogin):
		return LoginRefused
	case errors.Is(err, errInside) || t.pool.full():
		return Stuck
	default:
		return Down
	}
}

func (l *ladder) stuckTooLongLocked(now time.Time) bool {
	if l.health != Stuck {
		l.stuckSince = time.Time{}
		return false
	}
	if l.stuckSince.IsZero() {
		l.stuckSince = now
	}
	return now.Sub(l.stuckSince) >= stuckTooLong
}

func (t *Token) logChange(before, after Health, err error) {
	switch {
	case before == after:
	case after.Serves():
		t.log.Info("the token serves", "token", t.info.Label, "health", after)
	default:
		t.log.Error("the token does not serve", "token", t.info.Label, "health", after, "error", err)
	}
}

// refusalLocked is what requests get while the token does not serve. It has one class, whatever the reason has.
func (l *ladder) refusalLocked() error {
	switch {
	case l.closed:
		return unavailable("it is closed")
	case errors.Is(l.why, device.ErrLogin):
		return fmt.Errorf("nothing is tried until an operator asks for it: %w", l.why)
	case errors.Is(l.why, device.ErrUntrusted):
		return l.why
	default:
		return unavailable("it is %s since %s: %v", l.health, l.since.UTC().Format(time.RFC3339), l.why)
	}
}
