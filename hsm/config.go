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
	// CallTimeout is how long one call of the token may take before it and its session are counted lost, and how
	// long a request without a deadline waits for a session. 0: 10 s.
	CallTimeout time.Duration
	// Preload lists all keys once at each login, for a server. false: each key is found on its first use.
	Preload bool
	// Exclusive tells that only Keyhold keeps objects in the token. nil: as the profile says.
	Exclusive *bool
	// Logger gets one line for each loss and recovery. nil: no logging.
	Logger *slog.Logger
	// Now is the clock. nil: time.Now.
	Now func() time.Time
}

const defaultCallTimeout = 10 * time.Second

// withDefaults resolves the zeros that need no token, and refuses what can never work.
func (c Config) withDefaults() (Config, error) {
	if c.Module == "" {
		return c, errors.New("no PKCS #11 module is configured; set the path of the token's library")
	}
	if n := c.selectors(); n != 1 {
		return c, errors.New("select the token by exactly one of label, serial and slot")
	}
	if c.Sessions < 0 || c.CallTimeout < 0 {
		return c, errors.New("sessions and call timeout must not be negative")
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
