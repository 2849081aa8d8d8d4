package hsm

import (
	"context"
	"errors"
	"time"
)

// admit lets a request through to a token that serves, and holds it up while one recovers. It never waits for a token
// that is down.
func (t *Token) admit(ctx context.Context) error {
	if t.ladder.serving.Load() {
		return nil
	}
	c, patience, err := t.whatToAwait()
	if err != nil {
		return err
	}
	if c == nil {
		if c, err = t.joinClimb(nil, order{}); err != nil || c == nil {
			return err
		}
	}
	return t.await(ctx, c, patience)
}

// whatToAwait is the climb to wait for and how long; no climb: the request begins one itself, when nobody else would.
func (t *Token) whatToAwait() (*climb, time.Duration, error) {
	l, now := &t.ladder, t.cfg.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.health.Serves():
		return nil, t.cfg.CallTimeout, nil
	case l.health == Recovering && l.running != nil:
		left := t.cfg.CallTimeout - now.Sub(l.running.begun)
		if left <= 0 {
			return nil, 0, l.refusalLocked()
		}
		return l.running, left, nil
	case !t.cfg.Background && l.health != LoginRefused && !now.Before(l.next):
		return nil, t.limit(loginCalls), nil
	}
	return nil, 0, l.refusalLocked()
}

// A request has its token repaired so often before it gives up, and begins so often anew because an epoch has ended
// under it, which is no fault of the token's.
const (
	repairs    = 2
	beginnings = 20
)

// attempt is f, again after what its error shows to be broken has been repaired. What f does must be safe to repeat.
func (t *Token) attempt(ctx context.Context, f func(e *epoch) error) error {
	var err error
	for try, anew := 0, 0; ; {
		if err = t.admit(ctx); err != nil {
			return err
		}
		e := t.epoch.Load()
		if err = f(e); err == nil || try == repairs {
			break
		}
		if anew++; errors.Is(err, errOver) && anew < beginnings {
			try--
		}
		if err = t.repair(ctx, e, err, try > 0); err != nil {
			break
		}
		try++
	}
	var refused guardError
	if errors.As(err, &refused) {
		return refused.error
	}
	return err
}

// repair has the token proved alive, and brought back to life if it is not. nil means that a retry makes sense; else
// the request ends with the answer. again tells that the token was proved alive just before: then a new epoch is all
// that can help, and is not tried for every request.
func (t *Token) repair(ctx context.Context, seen *epoch, err error, again bool) error {
	if !repairable(err) || ctx.Err() != nil {
		return err
	}
	var o order
	switch classIn(err) {
	case ClassSession, ClassDevice, ClassAmbiguous:
		t.closeIdle(ctx)
		if again {
			o.suspect = err
		}
	}
	c, refusal := t.joinClimb(seen, o)
	if refusal != nil {
		return refusal
	}
	if c == nil {
		return nil
	}
	if refusal := t.await(ctx, c, t.patience()); refusal != nil {
		return refusal
	}
	if o.suspect != nil && c.renewed == nil {
		return err
	}
	return nil
}

// patience is how long a request waits for a climb. Without the background it is the climber.
func (t *Token) patience() time.Duration {
	if t.cfg.Background {
		return t.cfg.CallTimeout
	}
	return t.limit(loginCalls)
}

// repairable tells the errors that the token may get over.
func repairable(err error) bool {
	switch classIn(err) {
	case ClassStale, ClassLogin, ClassSession, ClassDevice, ClassAmbiguous:
		return true
	default:
		return errors.Is(err, errOver) || errors.Is(err, errUnseen) || errors.Is(err, errShut)
	}
}
