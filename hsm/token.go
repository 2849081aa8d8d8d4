package hsm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// Token is one token, logged in. Its methods may be called concurrently; each ends no later than its context, or than
// a small multiple of Config.CallTimeout.
type Token struct {
	cfg     Config
	log     *slog.Logger
	mod     *module
	info    pkcs11.TokenInfo
	library pkcs11.Info
	prof    profile
	why     string // why this profile
	cipher  device.Cipher
	wraps   []uint // mechanisms that a key must not be wrappable by

	encrypts bool // the cipher's mechanism is in the token's list

	// options are settled by the first login, before anybody else sees the token.
	options        TemplateOptions
	optionsSettled bool

	pool    *pool
	ladder  ladder
	anchor  *session // of the climb that runs: it holds the login and the session keys
	place   atomic.Pointer[place]
	epoch   atomic.Pointer[epoch]
	changes turn // births and destructions
	room    room
	ivs     *ivGuard

	expected  atomic.Pointer[device.ObjectID]
	loggingIn atomic.Bool // C_Login has been called and has not returned
	// refused is the answer of the C_Login that refused the PIN, also when nobody waited for it any more. Until the
	// operator's Login there is no other.
	refused   atomic.Pointer[error]
	hung      atomic.Int64 // calls of the ladder that have not returned
	counts    counts
	stuckTold sync.Once
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
	if t.cfg.Preload {
		if err := t.relist(ctx, t.epoch.Load()); err != nil {
			return fmt.Errorf("list the keys of the token %q: %w", t.info.Label, err)
		}
	}
	if err := t.SelfTest(ctx); err != nil {
		return err
	}
	if t.cfg.Background {
		t.ladder.all.Go(t.keep)
	}
	return nil
}

func (t *Token) logInFirst(ctx context.Context) error {
	if t.cfg.PIN == nil {
		return fmt.Errorf("%w: no PIN is configured; name a file, a descriptor or a systemd credential", device.ErrLogin)
	}
	if !t.encrypts {
		return unsupported("the token offers no %s, which Keyhold encrypts with; choose another token", mechanismName(uint(t.cipher.Mechanism)))
	}
	c, err := t.joinClimb(nil, order{first: true})
	if err != nil {
		return err
	}
	if err := t.await(ctx, c, t.limit(loginCalls)); err != nil {
		return firstOf(t.causeOf(c), err)
	}
	return nil
}

// causeOf is what a climb that has ended met, in its own words and class.
func (t *Token) causeOf(c *climb) error {
	select {
	case <-c.done:
		return c.cause
	default:
		return nil
	}
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
	t := &Token{cfg: cfg, log: cfg.Logger, mod: m, changes: newTurn(), ivs: newIVGuard(), ladder: newLadder()}
	if err := t.choose(ctx); err != nil {
		return nil, errors.Join(err, m.release(cfg.CallTimeout))
	}
	if cfg.Anchor != nil {
		t.Expect(*cfg.Anchor)
	}
	m.enlist(t)
	return t, nil
}

// choose finds the slot and settles what follows from the token's kind.
func (t *Token) choose(ctx context.Context) error {
	type facts struct {
		place
		info    pkcs11.TokenInfo
		library pkcs11.Info
		wraps   map[uint]bool
	}
	found := new(facts)
	_, err := t.mod.fly(ctx, t.limit(3), flight{
		run: func() error {
			var err error
			found.life = t.mod.life.Load()
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
	t.place.Store(&found.place)
	t.info, t.library = found.info, found.library
	if t.prof, t.why, err = chooseProfile(t.cfg.Profile, traitsOf(t.cfg.Module, t.library, t.info)); err != nil {
		return unsupported("%v", err)
	}
	return t.applyProfile(found.wraps)
}

func (t *Token) applyProfile(wraps map[uint]bool) error {
	t.cipher, t.options = t.prof.cipher, t.prof.options
	t.cfg.PIN = t.prof.wellFormed(t.cfg.PIN)
	t.room.most = t.prof.maxObjects
	if t.cfg.MaxObjects != 0 {
		t.room.most = t.cfg.MaxObjects
	}
	if t.cfg.IV != 0 {
		t.cipher = t.prof.cipherWith(t.cfg.IV)
	}
	_, t.encrypts = wraps[uint(t.cipher.Mechanism)]
	if _, err := layoutOf(t.cipher.IV); err != nil {
		return err
	}
	for _, m := range t.prof.wrapMechanisms {
		if wraps[m] {
			t.wraps = append(t.wraps, m)
		}
	}
	t.pool = newPool(t.sessions(), t.stuckLimit())
	return nil
}

// stuckLimit is Config.StuckLimit with its default, which follows from the pool.
func (t *Token) stuckLimit() int {
	if t.cfg.StuckLimit != 0 {
		return t.cfg.StuckLimit
	}
	return max(leastStuckLimit, 2*t.sessions())
}

// slot is where the token is, or was last.
func (t *Token) slot() uint { return t.place.Load().slot }

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

// Close ends the background, refuses new requests, waits for those that run, closes the sessions, which logs out, and
// finalises the module if no other token of it is open. It waits one CallTimeout for each step; what then has not
// returned is left alone, and the error is device.ErrUnavailable. A second Close does nothing.
func (t *Token) Close() error {
	if !t.pool.close() {
		return nil
	}
	t.mod.delist(t)
	t.ladder.refuse()
	timer := time.NewTimer(t.cfg.CallTimeout)
	defer timer.Stop()
	select {
	case <-t.pool.drained:
	case <-timer.C:
		t.log.Warn("requests have not ended; the token is closed around them", "token", t.info.Label)
		go func() { // their sessions are closed when they have
			<-t.pool.drained
			t.closeIdle(context.Background())
		}()
	}
	return errors.Join(t.closeSessions(), t.mod.release(t.cfg.CallTimeout))
}

func (t *Token) closeSessions() error {
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.CallTimeout)
	defer cancel()
	if err := t.ladder.end(ctx); err != nil {
		return unavailable("its recovery has not ended, so its login stays")
	}
	t.closeIdle(ctx)
	if t.anchor == nil {
		return nil
	}
	anchor := t.anchor
	_, err := t.mod.fly(ctx, t.limit(1), flight{
		run:  func() error { t.discard(anchor, nil); return nil },
		late: func(error, bool) {},
	})
	if errors.Is(err, errShut) {
		return nil // a module that is not initialised has no sessions
	}
	return err
}
