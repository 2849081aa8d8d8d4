package hsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
)

// ascend climbs the ladder from its foot until the token is proved alive.
func (t *Token) ascend(ctx context.Context, c *climb) error {
	c.life = t.mod.life.Load()
	if c.order.login {
		t.refused.Store(nil)
	}
	switch {
	case c.order.first:
		return t.renew(ctx, c, false)
	case c.order.reinit:
		return t.obeyReinitialise(ctx, c)
	case t.hung.Load() >= mostHung:
		return fmt.Errorf("%w: %w", device.ErrUnavailable, errInside)
	}
	err := t.prove(ctx)
	if err == nil {
		t.refresh(ctx, c)
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	t.troubled(err)
	if class := classIn(err); class != ClassStale && class != ClassLogin {
		t.closeIdle(ctx)
	}
	return t.climbOn(ctx, c, err)
}

// climbOn goes beyond the proof, which failed with err. A C_Login that has failed before is tried again only in a new
// life of the module, where that is allowed.
func (t *Token) climbOn(ctx context.Context, c *climb, err error) error {
	logins := &t.ladder.logins
	t.countFailedLogins()
	if t.refused.Load() == nil && logins.pause > 0 && logins.due(t.cfg.Now()) && !c.order.login && t.mayStartOver(ctx, c, err) == nil {
		return t.startOver(ctx, c)
	}
	err = t.renew(ctx, c, false)
	if err != nil && !endsClimb(ctx, err) && t.mod.life.Load() != c.life {
		c.life = t.mod.life.Load()
		err = t.renew(ctx, c, true) // another token has begun a new life meanwhile
	}
	if err == nil || c.order.login || endsClimb(ctx, err) {
		return err
	}
	if why := t.mayStartOver(ctx, c, err); why != nil {
		return why
	}
	return t.startOver(ctx, c)
}

// endsClimb tells the failures after which going higher would only do harm: a refused PIN, and a C_Login that was
// called and failed, since the next rung would call it again for the same fault.
func endsClimb(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, device.ErrLogin) || errors.Is(err, errLoginRests) {
		return true
	}
	var e *Error
	return errors.As(err, &e) && e.Function == "C_Login"
}

// obeyReinitialise starts over on an operator's word. When calls inside stand in the way nothing has happened, and the
// token may well be healthy.
func (t *Token) obeyReinitialise(ctx context.Context, c *climb) error {
	err := t.startOver(ctx, c)
	if errors.Is(err, errInside) {
		c.answer = err
		if alive := t.prove(ctx); !errors.Is(alive, errOver) {
			return alive
		}
	}
	return err
}

// troubled makes requests wait for the climb.
func (t *Token) troubled(err error) {
	l := &t.ladder
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.health.Serves() {
		l.setLocked(Recovering, err, t.cfg.Now())
		t.log.Warn("the token needs help", "token", t.info.Label, "error", err)
	}
}

// prove is the first rung: the anchor lives, is logged in, and opens the canary.
func (t *Token) prove(ctx context.Context) error {
	e, s := t.epoch.Load(), t.anchor
	if s == nil || s.closed || !t.isCurrent(e) {
		return errOver
	}
	left, err := t.mod.fly(ctx, t.limit(1), flight{
		run: func() error {
			if !t.isCurrent(e) {
				return errOver
			}
			return t.proveAlive(s, e)
		},
		lost: t.strand,
		late: func(_ error, wasLost bool) { t.landAnchor(s, wasLost) },
	})
	switch {
	case left:
		t.anchor = nil // it is in use until the flight lands
	case isGone(err):
		s.closed = true
	}
	return err
}

// renew is the second rung: a new anchor, a login if none stands, new session keys, a new epoch.
func (t *Token) renew(ctx context.Context, c *climb, proveAll bool) error {
	t.countFailedLogins()
	l := &t.ladder
	r := &renewal{proveAll: proveAll, mayLogin: c.order.ofOperator() || l.logins.due(t.cfg.Now()), failures: l.failures,
		options: t.options, settled: t.optionsSettled, place: *t.place.Load()}
	left, err := t.mod.fly(ctx, t.limit(loginCalls), flight{
		run: func() error { return r.make(t) },
		lost: func() {
			r.left.Store(true)
			t.strand()
		},
		late: func(_ error, wasLost bool) { t.landAnchor(r.anchor, wasLost) },
	})
	t.countFailedLogins()
	if left {
		r.left.Store(true)
		return err
	}
	t.adopt(ctx, r)
	if err == nil {
		c.renewed = r.epoch
		l.logins.pause = 0
		t.counts.reopens.Add(1)
	}
	return err
}

// countFailedLogins spaces C_Login calls after those that have failed, the late ones among them.
func (t *Token) countFailedLogins() {
	if n := t.counts.failedLogins.Load(); n != t.ladder.failures {
		t.ladder.failures = n
		t.ladder.logins.spend(t.cfg.Now())
	}
}

// refresh makes a new epoch for a token that is alive and yet fails requests again and again. Nothing is lost if that
// fails: the old one stands.
func (t *Token) refresh(ctx context.Context, c *climb) {
	l, now := &t.ladder, t.cfg.Now()
	if c.order.suspect == nil {
		return
	}
	l.mu.Lock()
	l.suspect, l.suspectAt = c.order.suspect, now
	l.mu.Unlock()
	if !l.reopens.due(now) {
		return
	}
	l.reopens.spend(now)
	if err := t.renew(ctx, c, false); err != nil {
		t.log.Warn("reopen the token", "token", t.info.Label, "error", err)
	}
}

// mayStartOver is the reason not to initialise the module anew, or nil.
func (t *Token) mayStartOver(ctx context.Context, c *climb, cause error) error {
	if !t.ladder.reinits.due(t.cfg.Now()) {
		c.reinitDue = t.ladder.reinits.next
		return cause
	}
	for _, o := range t.mod.others(t) {
		if o.isAlive(ctx) {
			return fmt.Errorf("%w; the module also serves the token %q, which is alive, so it is initialised anew only on an operator's word", cause, o.info.Label)
		}
	}
	return nil
}

// isAlive has the token proved alive for another one of the module. One that is only logged out, or busy, is.
func (t *Token) isAlive(ctx context.Context) bool {
	if !t.ladder.serving.Load() {
		return false
	}
	e := t.epoch.Load()
	s, err := t.session(ctx)
	if err == nil {
		var left bool
		if left, err = t.flyOn(ctx, s, use{epoch: e, run: func(s *session) error { return t.proveAlive(s, e) }}); !left {
			t.pool.give(s)
		}
	}
	class := classIn(err)
	return err == nil || class == ClassStale || class == ClassLogin || errors.Is(err, device.ErrBusy) || errors.Is(err, errOver)
}

// startOver is the last rung: C_Finalize, C_Initialize, find the token again, log in, self-test. Every token of the
// module begins anew.
func (t *Token) startOver(ctx context.Context, c *climb) error {
	reinits := &t.ladder.reinits
	reinits.spend(t.cfg.Now())
	t.log.Warn("the module is initialised anew", "token", t.info.Label, "module", t.mod.path)
	err := t.mod.reinitialise(ctx, rebirth{life: c.life, wait: t.cfg.CallTimeout, lost: t.strand, late: t.unstrand})
	if err != nil && !errors.Is(err, errReborn) {
		reinits.within(t.cfg.Now(), lookPause)
		c.reinitDue = reinits.next
		return err
	}
	if err == nil {
		t.counts.reinitialisations.Add(1)
		for _, o := range t.mod.others(t) {
			o.nudge()
		}
	}
	err = t.renew(ctx, c, true)
	switch {
	case err == nil:
		reinits.succeed()
	case t.place.Load().life != t.mod.life.Load():
		// The token is not there. Where libraries look for tokens only in C_Initialize, this is the way to look again.
		reinits.within(t.cfg.Now(), lookPause)
	case !endsClimb(ctx, err) && !errors.Is(err, errUnseen):
		reinits.rest(t.cfg.Now(), restPause) // it was logged in to, and something else is wrong
	}
	c.reinitDue = reinits.next
	return err
}
