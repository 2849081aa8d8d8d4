package hsm

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// epoch is one login and what lives no longer than it: object handles, also those of the session keys that the
// package proves things with. A logout by anybody in the process ends it (PKCS #11 2.40, C_Logout).
type epoch struct {
	number  uint64
	life    uint64 // of the module
	handles *handles
	probes  probes
	// over is set when the login, or a session key of it, is seen to be gone.
	over atomic.Bool
}

// place is where the token is in one life of the module: slot numbers may change with the next.
type place struct {
	slot uint
	life uint64
}

// errOver is the refusal to use what belongs to an epoch that has ended, in a later one: object handles and session
// numbers may be others' by then.
var errOver = fmt.Errorf("%w: the token was logged in to anew meanwhile", device.ErrUnavailable)

// errLoginRests is the refusal to call C_Login again so soon.
var errLoginRests = fmt.Errorf("%w: C_Login has failed, and is not called again yet", device.ErrUnavailable)

// errUnseen marks a token that does not show the object it must show.
var errUnseen = errors.New("the token may have lost its store, or be another one")

func unseenError(id device.ObjectID) error {
	return fmt.Errorf("%w: the object %s, which it always shows, is not seen: %w", device.ErrUnavailable, id, errUnseen)
}

// isCurrent tells whether an epoch is the one that lasts.
func (t *Token) isCurrent(e *epoch) bool {
	return e != nil && e == t.epoch.Load() && !e.over.Load() && e.life == t.mod.life.Load()
}

// CK_STATE values of a session whose user is logged in (PKCS #11 2.40, 3.3).
const (
	stateROUser = 1
	stateRWUser = 3
)

func (i sessionInfo) loggedIn() bool { return i.state == stateROUser || i.state == stateRWUser }

// loginCalls is how many slow calls a login with its session keys and self-test may take.
const loginCalls = 6

// renewal is a login in the making. What is in it becomes the token's once the flight that made it has landed in time.
type renewal struct {
	proveAll bool   // run the self-test
	mayLogin bool   // false: the last C_Login has failed too short a time ago
	failures uint64 // C_Login calls known to have failed when it began
	options  TemplateOptions
	settled  bool // the token has accepted the options
	place    place
	anchor   *session // holds login and session keys, since a token logs out with its last session
	loggedIn bool
	epoch    *epoch
	left     atomic.Bool // nobody waits for it any more: what it still logs in to, it would log out of again
}

// make runs inside the module, and closes the anchor again unless it holds a login. It opens a new anchor before the old
// one is closed, so that a login that stands is kept, and logs in if none does.
func (r *renewal) make(t *Token) (err error) {
	defer func() {
		if err != nil && !r.loggedIn && r.anchor != nil {
			t.discard(r.anchor, err)
		}
	}()
	flags, err := r.locate(t)
	if err != nil {
		return err
	}
	h, err := t.openIn(r.place.slot)
	if err != nil {
		return err
	}
	r.anchor = &session{handle: h, life: r.place.life}
	i, err := t.mod.hot.sessionInfo(uint(h))
	if err != nil {
		return err
	}
	if !i.loggedIn() {
		if !r.mayLogin {
			return errLoginRests
		}
		if err := t.callLogin(r, flags); err != nil {
			return err
		}
	}
	r.loggedIn = true
	return r.makeEpoch(t)
}

// locate finds the slot, again when the module was initialised since. C_Login is not called at a token that is not
// seen to be there.
func (r *renewal) locate(t *Token) (flags uint, err error) {
	r.place = *t.place.Load()
	if life := t.mod.life.Load(); r.place.life != life {
		slot, info, err := t.mod.findAgain(t.cfg, t.info)
		if err != nil {
			return 0, err
		}
		r.place = place{slot: slot, life: life}
		return info.Flags, nil
	}
	info, err := t.mod.p11.GetTokenInfo(r.place.slot)
	return info.Flags, failed("C_GetTokenInfo", err)
}

func (r *renewal) makeEpoch(t *Token) error {
	e := &epoch{number: 1, life: r.place.life, handles: newHandles()}
	if before := t.epoch.Load(); before != nil {
		e.number = before.number + 1
	}
	var err error
	if e.probes, err = t.makeProbes(r); err != nil {
		return err
	}
	if err := t.openProbeCanary(r.anchor, e); err != nil {
		return err
	}
	if r.proveAll {
		checks, err := t.runSelfTests(r.anchor, e)
		if err != nil {
			return err
		}
		if err := verdict(t.info.Label, checks); err != nil {
			return err
		}
	}
	if err := t.seeExpected(r.anchor, e); err != nil {
		return err
	}
	r.epoch = e
	return nil
}

// callLogin asks for the PIN and calls C_Login once. Somebody else's login in this process is as good: PKCS #11 knows
// one login for each token and application. What an earlier C_Login has answered since the renewal began, or to nobody
// at all, holds for this one too: a PIN that was refused is not tried again.
func (t *Token) callLogin(r *renewal, flags uint) error {
	if err := loginFlags(flags); err != nil {
		return err
	}
	if !t.loggingIn.CompareAndSwap(false, true) {
		return unavailable("an earlier C_Login has not returned, and may still be counted as an attempt")
	}
	defer t.loggingIn.Store(false)
	if refused := t.refused.Load(); refused != nil {
		return *refused
	}
	if t.counts.failedLogins.Load() != r.failures {
		return errLoginRests
	}
	pin, err := t.cfg.PIN()
	if err != nil {
		return unavailable("get the PIN: %v", err)
	}
	defer pin.Wipe()
	if r.left.Load() {
		return errOver
	}
	t.counts.logins.Add(1)
	err = t.mod.hot.login(uint(r.anchor.handle), pkcs11.CKU_USER, pin.Reveal())
	switch {
	case err == nil || isOneOf(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN):
		return nil
	case classIn(err) == ClassPIN:
		t.refused.Store(&err)
	default:
		t.counts.failedLogins.Add(1)
	}
	return err
}

// adopt makes a finished renewal the token's. When it failed, an old anchor that still lives stays, since session keys
// hang on it; else the new one stays, if it holds a login, so that the next attempt needs no other.
func (t *Token) adopt(ctx context.Context, r *renewal) {
	t.place.Store(&r.place)
	if !t.optionsSettled {
		t.options, t.optionsSettled = r.options, r.settled
	}
	spare := r.anchor
	before := t.epoch.Load()
	oldLives := t.anchor != nil && !t.anchor.closed && t.anchor.life == t.mod.life.Load()
	if r.epoch != nil || (r.loggedIn && !oldLives) {
		spare, t.anchor = t.anchor, r.anchor
	}
	if r.epoch != nil {
		if before != nil {
			before.over.Store(true)
		}
		t.epoch.Store(r.epoch)
		t.log.Info("logged in to the token", "token", t.info.Label, "epoch", r.epoch.number, "slot", r.place.slot)
	}
	if spare != nil {
		t.closeAll(ctx, []*session{spare})
	}
}

// findAgain finds the token after the module was initialised anew. A slot number alone does not select it any more: its
// serial number must be the same. Many requests may get the error, so it lists no tokens.
func (m *module) findAgain(cfg Config, before pkcs11.TokenInfo) (uint, pkcs11.TokenInfo, error) {
	found, seen, err := m.selected(cfg)
	switch {
	case err != nil:
		return 0, pkcs11.TokenInfo{}, err
	case len(found) != 1 || !found[0].initialised():
		return 0, pkcs11.TokenInfo{}, unavailable("of the %d tokens that the module shows, %d have %s, where there must be one", len(seen), len(found), cfg.selection())
	}
	info := found[0].info
	if cfg.Slot != nil && info.SerialNumber != blankless(before.SerialNumber) {
		return 0, info, unavailable("slot %d now holds the token %q serial %s, not %q serial %s; select the token by serial",
			found[0].slot, info.Label, info.SerialNumber, before.Label, before.SerialNumber)
	}
	return found[0].slot, info, nil
}

// Expect names an object that is visible whenever the token is healthy, as Config.Anchor does; the zero id names none.
// From then on a token that does not show it is unavailable, and recovers as from any other fault: "no object found"
// alone is what a token says too whose store has gone (measured on SoftHSM 2.6.1).
func (t *Token) Expect(id device.ObjectID) {
	if id.IsZero() {
		t.expected.Store(nil)
		return
	}
	t.expected.Store(&id)
}

// seeExpected fails with errUnseen when the expected object is not there. The attribute is asked first: a search costs
// much more.
func (t *Token) seeExpected(s *session, e *epoch) error {
	id := t.expected.Load()
	if id == nil {
		return nil
	}
	mark := e.handles.mark()
	if h, ok := e.handles.peek(*id); ok {
		_, err := t.attribute(s, h, pkcs11.CKA_CLASS)
		if classIn(err) != ClassStale {
			return err
		}
		e.handles.drop(*id, h)
	}
	found, err := t.findID(s, *id)
	switch {
	case err != nil:
		return err
	case len(found) == 0 && t.expected.Load() != id:
		return t.seeExpected(s, e) // it is another by now: this one may have been destroyed
	case len(found) == 0:
		return unseenError(*id)
	case len(found) == 1:
		e.handles.learn(*id, found[0], mark)
	}
	return nil
}
