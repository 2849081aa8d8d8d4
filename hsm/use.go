package hsm

import (
	"context"
	"errors"
	"time"

	"github.com/miekg/pkcs11"
)

// use is what a request does with one session.
type use struct {
	// guard, when set, runs on the caller's goroutine once a session is there, before the token is called.
	guard func() error
	// calls is how many slow calls of the token run makes, each with its own allowance of time. 0: one.
	calls int
	// run calls the module. It owns all memory that it touches, since its caller may leave.
	run func(s *session) error
	// late, when set, wipes run's result when nobody waits for it.
	late func()
}

// once takes a session, asks the guard and runs u. The session goes back to the pool unless the token's answer leaves
// doubts about it.
func (t *Token) once(ctx context.Context, u use) error {
	s, err := t.session(ctx)
	if err != nil {
		return err
	}
	if u.guard != nil {
		if err := u.guard(); err != nil {
			t.pool.give(s)
			return guardError{err}
		}
	}
	// A request that has been waiting may have ended meanwhile.
	if err := ctx.Err(); err != nil {
		t.pool.give(s)
		return err
	}
	left, err := t.flyOn(ctx, s, u)
	if !left {
		t.pool.give(s)
	}
	return err
}

// guardError marks the guard's own error, which is never retried and reaches the caller as it was.
type guardError struct{ error }

// session takes a permit and an open session. Without one idle it opens one, and keeps the permit.
func (t *Token) session(ctx context.Context) (*session, error) {
	s, err := t.pool.take(ctx, t.cfg.CallTimeout)
	if err != nil || s != nil {
		return s, err
	}
	opened := &session{}
	left, err := t.flyOn(ctx, opened, use{run: func(s *session) error {
		s.closed = true // nothing to close until it is open
		h, err := t.openSession()
		s.handle, s.closed = h, err != nil
		return err
	}})
	if left || err != nil {
		if !left {
			t.pool.give(opened)
		}
		return nil, err
	}
	return opened, nil
}

func (t *Token) openSession() (pkcs11.SessionHandle, error) {
	h, err := t.mod.p11.OpenSession(t.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	return h, failed("C_OpenSession", err)
}

// flyOn runs u on s. left tells that the caller stopped waiting: then the flight gives session and permit back.
func (t *Token) flyOn(ctx context.Context, s *session, u use) (left bool, err error) {
	return t.mod.fly(ctx, t.limit(u.calls), flight{
		run: func() error {
			err := u.run(s)
			if !keeps(err) {
				t.discard(s, err)
			}
			return err
		},
		lost: func() {
			t.pool.lose()
			t.log.Error("a call of the token has not returned; its session is given up", "token", t.info.Label, "lost", t.pool.status().Lost)
		},
		late: func(_ error, wasLost bool) { t.landLate(s, u, wasLost) },
	})
}

func (t *Token) limit(calls int) time.Duration {
	return t.cfg.CallTimeout * time.Duration(max(calls, 1))
}

// landLate gives back what a flight used whose caller has left.
func (t *Token) landLate(s *session, u use, wasLost bool) {
	if u.late != nil {
		u.late()
	}
	if !wasLost {
		t.pool.give(s)
		return
	}
	if t.mod.gate.enter() {
		t.discard(s, nil)
		t.mod.gate.leave()
	}
	t.pool.recover()
	t.log.Warn("a call of the token that was given up has returned", "token", t.info.Label)
}

// keeps tells whether a session is fit for use after err: after success, after refused data, and after our own
// verdicts on what the token answered properly.
func keeps(err error) bool {
	var e *Error
	return !errors.As(err, &e) || e.Class == ClassData
}

// discard closes a session for good. It must be inside the module's gate. One that the token says is gone is left
// alone: its number may be another session's by now.
func (t *Token) discard(s *session, why error) {
	if s.closed {
		return
	}
	s.closed = true
	if isOneOf(why, pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED) {
		return
	}
	if err := failed("C_CloseSession", t.mod.p11.CloseSession(s.handle)); err != nil {
		t.log.Debug("close a session", "token", t.info.Label, "error", err)
	}
}

// attempt is f with one retry, after what f's error shows to be broken has been repaired. What f does must be safe to
// do twice.
func (t *Token) attempt(ctx context.Context, f func(e *epoch) error) error {
	e := t.epoch.Load()
	err := f(e)
	if err != nil {
		if err = t.repair(ctx, e, err); err == nil {
			err = f(t.epoch.Load())
		}
	}
	var refused guardError
	if errors.As(err, &refused) {
		return refused.error
	}
	return err
}

// repair climbs the first steps of the recovery ladder: the pool loses sessions that may be as dead as the one that
// failed, and a lost login is made good. nil means that a retry makes sense; else the request ends with the answer.
func (t *Token) repair(ctx context.Context, seen *epoch, err error) error {
	switch classIn(err) {
	case ClassStale, ClassLogin:
	case ClassSession, ClassDevice, ClassAmbiguous:
		t.closeIdle(ctx)
	default:
		return err
	}
	if ctx.Err() != nil {
		return err
	}
	return t.ensureLogin(ctx, seen)
}

// closeIdle closes the sessions that wait in the pool.
func (t *Token) closeIdle(ctx context.Context) {
	idle := t.pool.flush()
	if len(idle) == 0 {
		return
	}
	_, err := t.mod.fly(ctx, t.limit(1), flight{
		run: func() error {
			for _, s := range idle {
				t.discard(s, nil)
			}
			return nil
		},
		late: func(error, bool) {},
	})
	if err != nil {
		t.log.Warn("close idle sessions", "token", t.info.Label, "error", err)
	}
}
