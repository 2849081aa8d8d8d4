// Package hsm drives a PKCS #11 token: sessions, login, keys and the AES-GCM, HMAC and random calls on them, in the
// vocabulary of kms/device. It owns a module's one instance in the process, trusts no token before it has proved
// itself, and comes back by itself when sessions, login or handles are lost.
package hsm

import (
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/keyhold/keyhold/kms/device"
)

// Config says which token to use and how.
type Config struct {
	// Module is the path of the PKCS #11 library. Required.
	Module string
	// InitArgs is passed in CK_C_INITIALIZE_ARGS.pReserved, where NSS reads its LibraryParameters. "": none, as the
	// standard wants.
	InitArgs string
	// Env is set in the process's environment before C_Initialize, as SOFTHSM2_CONF. nil: nothing is set.
	Env map[string]string

	// Label, Serial and Slot select the token; exactly one must be set. "" and nil: not selected by this.
	Label  string
	Serial string
	Slot   *uint

	// PIN gives the user PIN; it is asked at every login and what it gives is wiped after. nil: Open refuses; Probe
	// reports only what needs no login.
	PIN PINSource

	// Profile names a row of the profiles, as "softhsm2". "": recognised by the manufacturer that the library or the
	// token reports, else "generic".
	Profile string
	// IV overrides who makes the IV; the self-test proves it. 0: as the profile says.
	IV device.IVPolicy
	// Sessions bounds the pool. 0: as the profile says.
	Sessions int
	// MaxObjects is how many objects the token holds: births are refused before it is full. 0: as the profile says,
	// which may be that no limit is known.
	MaxObjects int
	// CallTimeout is how long one call of the token may take before it and its session are counted lost, and how
	// long a request without a deadline waits for a session. 0: 10 s.
	CallTimeout time.Duration
	// Preload lists all keys once at each login, for a server. false: each key is found on its first use.
	Preload bool

	// Background lets the token recover by itself, on a goroutine that Close ends, and be kept alive while nobody uses
	// it. false, for a short-lived program: a request that meets a fault recovers the token, within its deadline.
	Background bool
	// KeepAlive is how often the sessions prove that they live, in the background. Devices drop those that have been
	// silent for 30 s. 0: 20 s.
	KeepAlive time.Duration
	// PoolWait is told how long each call waited for a session, 0 when one was free, also one that got none. It must
	// return at once. nil: nobody is told.
	PoolWait func(time.Duration)
	// Anchor is an object that is visible whenever the token is healthy: only then does "no object found" mean that
	// there is none. Token.Expect sets it later. nil: the token's own word has to do.
	Anchor *device.ObjectID
	// StuckLimit is how many calls may fail to return before the token is given up. Each costs a thread and a session,
	// and is replaced in the pool until then. 0: 16 or twice the pool, whichever is more, so that one cut of the line,
	// which leaves every session's call hanging at once, can still pass.
	StuckLimit int
	// OnStuck is called once when StuckLimit is reached, or when calls that do not return have kept the module from
	// being initialised anew for a minute: only a new process helps then. It must return soon. nil: nobody is told.
	OnStuck func(reason error)

	// Exclusive tells that only Keyhold keeps objects in the token. nil: as the profile says.
	Exclusive *bool
	// Logger gets one line for each loss and recovery. nil: no logging.
	Logger *slog.Logger
	// Now is the clock. nil: time.Now.
	Now func() time.Time
}

const (
	defaultCallTimeout = 10 * time.Second
	defaultKeepAlive   = 20 * time.Second
	leastStuckLimit    = 16
)

// withDefaults resolves the zeros that need no token, and refuses what can never work.
func (c Config) withDefaults() (Config, error) {
	if c.Module == "" {
		return c, errors.New("no PKCS #11 module is configured; set the path of the token's library")
	}
	if n := c.selectors(); n != 1 {
		return c, errors.New("select the token by exactly one of label, serial and slot")
	}
	if c.Sessions < 0 || c.MaxObjects < 0 || c.CallTimeout < 0 {
		return c, errors.New("sessions, objects and call timeout must not be negative")
	}
	if c.KeepAlive < 0 || c.StuckLimit < 0 {
		return c, errors.New("keep-alive and stuck limit must not be negative")
	}
	if c.KeepAlive == 0 {
		c.KeepAlive = defaultKeepAlive
	}
	if c.CallTimeout == 0 {
		c.CallTimeout = defaultCallTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

func (c Config) selectors() int {
	n := 0
	for _, set := range []bool{c.Label != "", c.Serial != "", c.Slot != nil} {
		if set {
			n++
		}
	}
	return n
}
