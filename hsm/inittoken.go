package hsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/miekg/pkcs11"
)

// NewToken describes a token to initialise.
type NewToken struct {
	Module string            // path of the library
	Env    map[string]string // as Config.Env
	Label  string            // at most 32 octets; no token of the module may have it
	SOPIN  secret.Bytes      // the security officer's PIN, which replaces nothing: the token must be uninitialised
	PIN    secret.Bytes      // the user PIN
}

// maxLabel is the size in octets of CK_TOKEN_INFO.label.
const maxLabel = 32

// InitToken initialises the module's first uninitialised token and sets its user PIN. It is for disposable tokens, of
// tests and `keyhold dev`: a token with keys in it is initialised with its vendor's tool. miekg/pkcs11 takes PINs as
// strings, of which copies stay in memory.
func InitToken(ctx context.Context, n NewToken) error {
	if n.Label == "" || len(n.Label) > maxLabel {
		return unsupported("a token label must have 1 to %d octets", maxLabel)
	}
	cfg, err := Config{Module: n.Module, Env: n.Env, Label: n.Label}.withDefaults()
	if err != nil {
		return err
	}
	m, err := acquireModule(ctx, cfg)
	if err != nil {
		return err
	}
	_, err = m.fly(ctx, 3*cfg.CallTimeout, flight{run: func() error { return m.initToken(n) }, late: func(error, bool) {}})
	if err != nil {
		err = fmt.Errorf("initialise the token %q: %w", n.Label, err)
	}
	return errors.Join(err, m.release(cfg.CallTimeout))
}

func (m *module) initToken(n NewToken) error {
	m.making.Lock()
	defer m.making.Unlock()
	seen, err := m.tokens()
	if err != nil {
		return err
	}
	free := -1
	for i, s := range seen {
		if s.initialised() && s.info.Label == n.Label {
			return unsupported("there is a token with this label already (%v); remove it or choose another label", s)
		}
		if !s.initialised() && free < 0 {
			free = i
		}
	}
	if free < 0 {
		return unavailable("the module shows no uninitialised token, only %s", listTokens(seen))
	}
	slot := seen[free].slot
	if err := m.p11.InitToken(slot, string(n.SOPIN.Reveal()), n.Label); err != nil {
		return failed("C_InitToken", err)
	}
	return m.setUserPIN(slot, n)
}

// setUserPIN leaves nobody logged in.
func (m *module) setUserPIN(slot uint, n NewToken) error {
	s, err := m.p11.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return failed("C_OpenSession", err)
	}
	defer func() { _ = m.p11.CloseSession(s) }()
	if err := m.hot.login(uint(s), pkcs11.CKU_SO, n.SOPIN.Reveal()); err != nil {
		return err
	}
	if err := m.p11.InitPIN(s, string(n.PIN.Reveal())); err != nil {
		return failed("C_InitPIN", err)
	}
	return failed("C_Logout", m.p11.Logout(s))
}
