package hsm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// Token is one token, logged in. Its methods may be called concurrently; each ends no later than its context, or than
// a small multiple of Config.CallTimeout.
type Token struct {
	cfg     Config
	log     *slog.Logger
	mod     *module
	slot    uint
	info    pkcs11.TokenInfo
	library pkcs11.Info
	prof    profile
	why     string // why this profile
	cipher  device.Cipher
	wraps   []uint // mechanisms that a key must not be wrappable by

	// options are settled by the first login, before anybody else sees the token.
	options        TemplateOptions
	optionsSettled bool

	pool    *pool
	login   loginState
	epoch   atomic.Pointer[epoch]
	changes turn // births and destructions
	ivs     *ivGuard
	logins  atomic.Uint64 // C_Login calls
}

// Open loads the module, finds the token, logs in and lets the token prove itself. A token that fails the self-test is
// not opened: device.ErrUntrusted. A refused PIN is device.ErrLogin, and C_Login has been called once.
func Open(ctx context.Context, cfg Config) (*Token, error) {
	t, err := connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := t.start(ctx); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func (t *Token) start(ctx context.Context) error {
	if err := t.logInFirst(ctx); err != nil {
		return fmt.Errorf("log in to the token %q: %w", t.info.Label, err)
	}
	return t.SelfTest(ctx)
}

func (t *Token) logInFirst(ctx context.Context) error {
	if t.cfg.PIN == nil {
		return fmt.Errorf("%w: no PIN is configured; name a file, a descriptor or a systemd credential", device.ErrLogin)
	}
	if err := loginFlags(t.info.Flags); err != nil {
		return err
	}
	return t.ensureLogin(ctx, nil)
}

// loginFlags refuses what could lock the token (CK_TOKEN_INFO.flags; PKCS #11 2.40, 3.2).
func loginFlags(flags uint) error {
	switch {
	case flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return fmt.Errorf("%w: its user PIN is locked; the security officer must reset it", device.ErrLogin)
	case flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return fmt.Errorf("%w: one more wrong PIN locks it, so none is tried; log in once with the vendor's tool", device.ErrLogin)
	case flags&pkcs11.CKF_USER_PIN_INITIALIZED == 0:
		return fmt.Errorf("%w: its user PIN is not set; the security officer must set it", device.ErrLogin)
	}
	return nil
}

// connect does what needs no login.
func connect(ctx context.Context, cfg Config) (*Token, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, unsupported("%v", err)
	}
	m, err := acquireModule(ctx, cfg)
	if err != nil {
		return nil, err
	}
	t := &Token{cfg: cfg, log: cfg.Logger, mod: m, changes: newTurn(), ivs: newIVGuard(), login: loginState{turn: newTurn()}}
	if err := t.choose(ctx); err != nil {
		return nil, errors.Join(err, m.release(cfg.CallTimeout))
	}
	return t, nil
}

// choose finds the slot and settles what follows from the token's kind.
func (t *Token) choose(ctx context.Context) error {
	type facts struct {
		slot    uint
		info    pkcs11.TokenInfo
		library pkcs11.Info
		wraps   map[uint]bool
	}
	found := new(facts)
	_, err := t.mod.fly(ctx, t.limit(3), flight{
		run: func() error {
			var err error
			if found.library, err = t.mod.p11.GetInfo(); err != nil {
				return failed("C_GetInfo", err)
			}
			if found.slot, found.info, err = t.mod.findToken(t.cfg); err != nil {
				return err
			}
			found.wraps, err = t.mod.wrapping(found.slot)
			return err
		},
		late: func(error, bool) {},
	})
	if err != nil {
		return err
	}
	t.slot, t.info, t.library = found.slot, found.info, found.library
	if t.prof, t.why, err = chooseProfile(t.cfg.Profile, t.library.ManufacturerID, t.info.ManufacturerID); err != nil {
		return unsupported("%v", err)
	}
	return t.applyProfile(found.wraps)
}

func (t *Token) applyProfile(wraps map[uint]bool) error {
	t.cipher, t.options = t.prof.cipher, t.prof.options
	if t.cfg.IV != 0 {
		t.cipher.IV = t.cfg.IV
	}
	if _, err := layoutOf(t.cipher.IV); err != nil {
		return err
	}
	for _, m := range t.prof.wrapMechanisms {
		if wraps[m] {
			t.wraps = append(t.wraps, m)
		}
	}
	t.pool = newPool(t.sessions())
	return nil
}

// sessions is the size of the pool: what is configured, within what the token and its profile allow beside the anchor.
func (t *Token) sessions() int {
	n := t.cfg.Sessions
	if n == 0 {
		n = t.prof.sessions
	}
	if most := t.prof.maxSessions; most > 0 {
		n = min(n, most-1)
	}
	if most := t.info.MaxRwSessionCount; most != 0 && most != pkcs11.CK_UNAVAILABLE_INFORMATION {
		n = min(n, int(min(most, 1<<20))-1)
	}
	return max(n, 1)
}

// Name is the token's label.
func (t *Token) Name() string { return t.info.Label }

// Cipher is how this token encrypts, proved by the self-test.
func (t *Token) Cipher() device.Cipher { return t.cipher }

// Exclusive tells that only Keyhold keeps objects in the token.
func (t *Token) Exclusive() bool {
	if t.cfg.Exclusive != nil {
		return *t.cfg.Exclusive
	}
	return t.prof.exclusive
}

// Close refuses new requests, waits for those that run, closes the sessions, which logs out, and finalises the module
// if no other token of it is open. It waits one CallTimeout for each step; what then has not returned is left alone,
// and the error is device.ErrUnavailable. A second Close does nothing.
func (t *Token) Close() error {
	if !t.pool.close() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.CallTimeout)
	defer cancel()
	select {
	case <-t.pool.drained:
	case <-ctx.Done():
		t.log.Warn("requests have not ended; the token is closed around them", "token", t.info.Label)
	}
	return errors.Join(t.closeSessions(ctx), t.mod.release(t.cfg.CallTimeout))
}

func (t *Token) closeSessions(ctx context.Context) error {
	t.closeIdle(ctx)
	if err := t.login.turn.take(ctx); err != nil {
		return unavailable("a login has not returned, so its session stays open")
	}
	// The turn is never given back: nobody can log in any more.
	if !t.login.open {
		return nil
	}
	anchor := &session{handle: t.login.anchor}
	_, err := t.mod.fly(ctx, t.limit(1), flight{
		run:  func() error { t.discard(anchor, nil); return nil },
		late: func(error, bool) {},
	})
	return err
}

// Status is a snapshot for operators.
type Status struct {
	Token        string     `json:"token"`
	Serial       string     `json:"serial"`
	Manufacturer string     `json:"manufacturer"`
	Model        string     `json:"model"`
	Profile      string     `json:"profile"`
	State        string     `json:"state"`             // "ready", "busy", "login refused" or "unavailable"
	Problem      string     `json:"problem,omitempty"` // why it is not ready
	Epoch        uint64     `json:"epoch"`             // successful logins since Open
	Logins       uint64     `json:"logins"`            // C_Login calls since Open
	Handles      int        `json:"handles"`           // object handles that are remembered
	ClosedKeys   int        `json:"closedKeys"`        // keys closed for encryption because of a bad IV
	Pool         PoolStatus `json:"pool"`
}

// Status asks the token whether it is alive, logging in again when that is needed, and tells the counts.
func (t *Token) Status(ctx context.Context) Status {
	err := t.attempt(ctx, func(e *epoch) error {
		return t.once(ctx, use{calls: 2, run: func(s *session) error { return t.proveAlive(s, e) }})
	})
	st := Status{
		Token: t.info.Label, Serial: t.info.SerialNumber, Manufacturer: t.info.ManufacturerID, Model: t.info.Model,
		Profile: t.prof.name, State: stateOf(err), Logins: t.logins.Load(), ClosedKeys: t.ivs.closedKeys(), Pool: t.pool.status(),
	}
	if err != nil {
		st.Problem = err.Error()
	}
	if e := t.epoch.Load(); e != nil {
		st.Epoch, st.Handles = e.number, e.handles.count()
	}
	return st
}

func stateOf(err error) string {
	switch {
	case err == nil:
		return "ready"
	case errors.Is(err, device.ErrLogin):
		return "login refused"
	case errors.Is(err, device.ErrBusy):
		return "busy"
	default:
		return "unavailable"
	}
}
