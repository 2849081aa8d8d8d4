package hsm

import (
	"context"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/kms/device"
)

// keep is the background: it has the token proved alive while it serves, and climbs the ladder until it does again.
// Close ends it.
func (t *Token) keep() {
	ctx, cancel := t.ladder.untilStopped()
	defer cancel()
	for {
		timer := time.NewTimer(t.untilNextLook())
		select {
		case <-t.ladder.stop:
			timer.Stop()
			return
		case <-t.ladder.moved:
			timer.Stop()
			continue
		case <-t.ladder.kick:
			timer.Stop()
		case <-timer.C:
		}
		t.look(ctx)
	}
}

// untilNextLook is the pause before the next look, measured from now.
func (t *Token) untilNextLook() time.Duration {
	l := &t.ladder
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.health.Serves() || l.health == LoginRefused || l.next.IsZero() {
		return t.cfg.KeepAlive
	}
	return max(l.next.Sub(t.cfg.Now()), leastPause/10)
}

// look has the token proved alive, or brought back, and the pool's resting sessions kept alive.
func (t *Token) look(ctx context.Context) {
	c, err := t.joinClimb(t.epoch.Load(), order{})
	if err != nil || c == nil {
		return
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		return
	}
	if c.err == nil {
		t.keepPoolAlive(ctx)
	}
}

// keepPoolAlive uses each session that has rested since the last time. One that does not answer is closed by its
// flight, and the next request opens another.
func (t *Token) keepPoolAlive(ctx context.Context) {
	e := t.epoch.Load()
	t.pool.nextRound()
	for s := t.pool.takeRested(); s != nil; s = t.pool.takeRested() {
		left, err := t.flyOn(ctx, s, use{epoch: e, run: func(s *session) error { return t.answers(s, e) }})
		if !left {
			t.pool.give(s)
		}
		if err != nil {
			t.log.Debug("a resting session is given up", "token", t.info.Label, "error", err)
		}
	}
}

// nudge has the background look at once.
func (t *Token) nudge() { signal(t.ladder.kick) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// lostCall counts a call that has not returned in time. In the background the token is proved alive before more calls
// are risked.
func (t *Token) lostCall(full bool) {
	t.counts.lost.Add(1)
	lost := t.pool.status().Lost
	t.log.Error("a call of the token has not returned; its session is given up", "token", t.info.Label, "lost", lost)
	if full {
		t.tellStuck(fmt.Errorf("%w: %d calls of the token have not returned", device.ErrUnavailable, lost))
	}
	if t.cfg.Background {
		_, _ = t.joinClimb(t.epoch.Load(), order{hang: true}) // a token that is closed needs no proof
	}
}

// tellStuck tells the owner, once, that only a new process helps.
func (t *Token) tellStuck(reason error) {
	t.stuckTold.Do(func() {
		t.log.Error("the token is stuck; only a new process helps", "token", t.info.Label, "error", reason)
		if t.cfg.OnStuck != nil {
			t.cfg.OnStuck(reason)
		}
	})
}

// strand and unstrand count calls of the ladder itself that do not return.
func (t *Token) strand() {
	t.hung.Add(1)
	full := t.pool.strand()
	t.counts.lost.Add(1)
	t.log.Error("the token does not answer while it is being recovered", "token", t.info.Label, "lost", t.pool.status().Lost)
	if full {
		t.tellStuck(fmt.Errorf("%w: %d calls of the token have not returned", device.ErrUnavailable, t.pool.status().Lost))
	}
}

func (t *Token) unstrand() {
	t.hung.Add(-1)
	t.returned()
}

// returned notes that a lost call has come back: the token may have, too.
func (t *Token) returned() {
	t.pool.recover()
	t.log.Warn("a call of the token that was given up has returned", "token", t.info.Label)
	if !t.ladder.serving.Load() {
		t.nudge()
	}
}

// landAnchor closes a session of the ladder whose flight was left.
func (t *Token) landAnchor(s *session, wasLost bool) {
	if s != nil {
		t.closeLate(s)
	}
	if wasLost {
		t.unstrand()
	}
}
