package hsm

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// epoch is one login and what lives no longer than it: object handles, also those of the session keys that the
// package proves things with. A logout by anybody in the process ends it (facts on PKCS#11 tokens, A6).
type epoch struct {
	number  uint64
	handles *handles
	probes  probes
	// over is set when the login, or a session key of it, is seen to be gone.
	over atomic.Bool
}

// loginState is what a login needs. turn makes it single-flight and guards the rest.
type loginState struct {
	turn    turn
	anchor  pkcs11.SessionHandle // holds login and session keys, since a token logs out with its last session
	open    bool
	refused error     // the PIN was refused: never tried again, some tokens lock after three
	failed  error     // the last failure of another kind,
	since   time.Time // at this time
}

// loginPause is how long a failed login stands for everybody, so that requests do not queue up for the next failure.
const loginPause = time.Second

// CK_STATE values of a session whose user is logged in (PKCS #11 2.40, 3.3).
const (
	stateROUser = 1
	stateRWUser = 3
)

// ensureLogin makes a lost login good, unless somebody did since seen. nil: the token is logged in.
func (t *Token) ensureLogin(ctx context.Context, seen *epoch) error {
	wait, cancel := context.WithTimeout(ctx, t.limit(loginCalls))
	defer cancel()
	if err := t.login.turn.take(wait); err != nil {
		return unavailable("a login has not returned yet")
	}
	end := sync.OnceFunc(t.login.turn.give)
	if err := t.loginStands(seen); err != nil || t.epoch.Load() != seen {
		end()
		return err
	}
	left, err := t.mod.fly(ctx, t.limit(loginCalls), flight{
		run: func() error {
			defer end()
			return t.renewLogin()
		},
		late: func(error, bool) {},
	})
	if !left {
		end() // when it never ran
	}
	return err
}

// loginCalls is how many slow calls a login with its session keys may take.
const loginCalls = 6

// loginStands is the error of an earlier login that still stands.
func (t *Token) loginStands(seen *epoch) error {
	if t.login.refused != nil {
		return t.login.refused
	}
	if t.login.failed != nil && t.epoch.Load() == seen && t.cfg.Now().Sub(t.login.since) < loginPause {
		return t.login.failed
	}
	return nil
}

// renewLogin runs inside the module, by the holder of the turn. It does nothing when the anchor is logged in and the
// session keys live. When only they are gone, because somebody logged out and in again, it makes new ones.
func (t *Token) renewLogin() error {
	alive, err := t.anchorState()
	if now := t.epoch.Load(); err == nil && (!alive || now == nil || now.over.Load()) {
		err = t.beginEpoch(alive)
	}
	t.login.failed, t.login.since = err, t.cfg.Now()
	if errors.Is(err, device.ErrLogin) {
		t.login.refused = err
	}
	return err
}

// anchorState tells whether the anchor session lives and is logged in.
func (t *Token) anchorState() (bool, error) {
	if !t.login.open {
		return false, nil
	}
	i, err := t.mod.hot.sessionInfo(uint(t.login.anchor))
	if classIn(err) == ClassSession {
		t.login.open = false
		return false, nil
	}
	return i.state == stateROUser || i.state == stateRWUser, err
}

// beginEpoch logs in, unless that is done, and makes what the login needs.
func (t *Token) beginEpoch(loggedIn bool) error {
	before := t.epoch.Load()
	if before != nil {
		before.over.Store(true) // also when what follows fails half-way
	}
	if !t.login.open {
		h, err := t.openSession()
		if err != nil {
			return err
		}
		t.login.anchor, t.login.open = h, true
	}
	if !loggedIn {
		if err := t.callLogin(); err != nil {
			return err
		}
	}
	e := &epoch{number: 1, handles: newHandles()}
	if before != nil {
		e.number = before.number + 1
	}
	anchor := &session{handle: t.login.anchor}
	var err error
	if e.probes, err = t.makeProbes(anchor); err != nil {
		return err
	}
	if t.cfg.Preload {
		if err := t.preload(anchor, e.handles); err != nil {
			return err
		}
	}
	t.epoch.Store(e)
	t.log.Info("logged in to the token", "token", t.info.Label, "epoch", e.number, "keys", e.handles.count())
	return nil
}

// callLogin asks for the PIN and calls C_Login once. Somebody else's login in this process is as good: PKCS #11 knows
// one login for each token and application.
func (t *Token) callLogin() error {
	pin, err := t.cfg.PIN()
	if err != nil {
		return unavailable("get the PIN: %v", err)
	}
	defer pin.Wipe()
	t.logins.Add(1)
	err = t.mod.hot.login(uint(t.login.anchor), pkcs11.CKU_USER, pin.Reveal())
	if isOneOf(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN) {
		return nil
	}
	if classIn(err) == ClassPIN {
		t.log.Error("the token refused the login; it is not tried again until the token is opened anew", "token", t.info.Label, "error", err)
	}
	return err
}
