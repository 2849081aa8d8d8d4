package hsm

import (
	"context"
	"errors"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/miekg/pkcs11"
)

// use is what a request does with one session.
type use struct {
	// guard, when set, runs on the caller's goroutine once a session is there, before the token is called.
	guard func() error
	// epoch, when set, is whose handles run uses: in another one run is refused, and what it got is not believed.
	epoch *epoch
	// calls is how many slow calls of the token run makes, each with its own allowance of time. 0: one.
	calls int
	// run calls the module. It owns all memory that it touches, since its caller may leave.
	run func(s *session) error
	// late, when set, wipes run's result when nobody waits for it.
	late func()
	// input, when set, is wiped at the end, also of a use that was never run.
	input []byte
}

// once takes a session, asks the guard and runs u. The session goes back to the pool unless the token's answer leaves
// doubts about it.
func (t *Token) once(ctx context.Context, u use) error {
	left := false
	defer func() {
		if !left { // else runOn wipes it
			secret.Wipe(u.input)
		}
	}()
	s, err := t.session(ctx)
	if err != nil {
		return err
	}
	// A fault may have come up meanwhile: then the call would only be one more that hangs or fails.
	if err := t.admit(ctx); err != nil {
		t.pool.give(s)
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
	left, err = t.flyOn(ctx, s, u)
	if !left {
		t.pool.give(s)
	}
	return err
}

// guardError marks the guard's own error, which is never retried and reaches the caller as it was.
type guardError struct{ error }

// session takes a permit and an open session. Without one idle it opens one, and keeps the permit.
func (t *Token) session(ctx context.Context) (*session, error) {
	s, err := t.permit(ctx)
	if err != nil || s != nil {
		return s, err
	}
	opened := &session{closed: true} // nothing to close until it is open
	left, err := t.flyOn(ctx, opened, use{run: func(s *session) error {
		at := *t.place.Load()
		if at.life != t.mod.life.Load() {
			return errOver // the slot may have another number
		}
		h, err := t.openIn(at.slot)
		s.handle, s.life, s.closed = h, at.life, err != nil
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

// permit takes a permit from the pool, and tells how long that took.
func (t *Token) permit(ctx context.Context) (*session, error) {
	if t.cfg.PoolWait == nil {
		return t.pool.take(ctx, t.cfg.CallTimeout)
	}
	began := t.cfg.Now()
	s, err := t.pool.take(ctx, t.cfg.CallTimeout)
	t.cfg.PoolWait(max(t.cfg.Now().Sub(began), 0))
	return s, err
}

func (t *Token) openIn(slot uint) (pkcs11.SessionHandle, error) {
	h, err := t.mod.p11.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	return h, failed("C_OpenSession", err)
}

// flyOn runs u on s. left tells that the caller stopped waiting: then the flight gives session and permit back.
func (t *Token) flyOn(ctx context.Context, s *session, u use) (left bool, err error) {
	return t.mod.fly(ctx, t.limit(u.calls), flight{
		run:  func() error { return t.runOn(s, u) },
		lost: func() { t.lostCall(t.pool.lose()) },
		late: func(_ error, wasLost bool) { t.landLate(s, u, wasLost) },
	})
}

// runOn runs inside the module. Nothing of an earlier life of the module, or of an earlier login, is let through to the
// library: there the same numbers may mean other sessions and other keys.
func (t *Token) runOn(s *session, u use) error {
	defer secret.Wipe(u.input)
	if !s.closed && s.life != t.mod.life.Load() {
		s.closed = true
		return errOver
	}
	if u.epoch != nil && !t.isCurrent(u.epoch) {
		return errOver
	}
	err := u.run(s)
	// A verdict counts no more than a result: a handle may have become another key's, which refuses good data.
	if keeps(err) && u.epoch != nil && !t.isCurrent(u.epoch) {
		if u.late != nil {
			u.late()
		}
		return errOver
	}
	if !keeps(err) {
		t.discard(s, err)
	}
	return err
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
	t.closeLate(s)
	t.returned()
}

// closeLate is discard for a flight that has landed without its caller, and is outside the module again.
func (t *Token) closeLate(s *session) {
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.CallTimeout)
	defer cancel()
	if t.mod.gate.enter(ctx) == nil {
		t.discard(s, nil)
		t.mod.gate.leave()
	}
}

// keeps tells whether a session is fit for use after err: after success, after refused data, and after our own
// verdicts on what the token answered properly.
func keeps(err error) bool {
	var e *Error
	return !errors.As(err, &e) || e.Class == ClassData
}

// discard closes a session for good. It must be inside the module's gate. One that the token says is gone, or of an
// earlier life of the module, is left alone: its number may be another session's by now.
func (t *Token) discard(s *session, why error) {
	if s.closed {
		return
	}
	s.closed = true
	if why != nil {
		t.counts.discarded.Add(1)
	}
	if isGone(why) || s.life != t.mod.life.Load() {
		return
	}
	if err := failed("C_CloseSession", t.mod.p11.CloseSession(s.handle)); err != nil {
		t.log.Debug("close a session", "token", t.info.Label, "error", err)
	}
}

// isGone tells the answers after which a session's number means nothing any more.
func isGone(err error) bool {
	return isOneOf(err, pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
}

// closeIdle closes the sessions that wait in the pool.
func (t *Token) closeIdle(ctx context.Context) {
	t.closeAll(ctx, t.pool.flush())
}

func (t *Token) closeAll(ctx context.Context, sessions []*session) {
	if len(sessions) == 0 {
		return
	}
	_, err := t.mod.fly(ctx, t.limit(1), flight{
		run: func() error {
			for _, s := range sessions {
				t.discard(s, nil)
			}
			return nil
		},
		lost: t.strand,
		late: func(_ error, wasLost bool) { t.landAnchor(nil, wasLost) },
	})
	if err != nil {
		t.log.Warn("close sessions", "token", t.info.Label, "error", err)
	}
}
