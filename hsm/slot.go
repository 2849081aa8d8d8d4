package hsm

import (
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"
)

// seenToken is one slot with a token in it.
type seenToken struct {
	slot uint
	info pkcs11.TokenInfo
}

func (s seenToken) initialised() bool { return s.info.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0 }

func (s seenToken) String() string {
	if !s.initialised() {
		return fmt.Sprintf("slot %d (not initialised)", s.slot)
	}
	return fmt.Sprintf("slot %d label %q serial %s", s.slot, s.info.Label, s.info.SerialNumber)
}

// tokens lists what is in the slots. A slot whose token does not answer is left out: it may be another HSM's fault.
func (m *module) tokens() ([]seenToken, error) {
	slots, err := m.p11.GetSlotList(true)
	if err != nil {
		return nil, failed("C_GetSlotList", err)
	}
	var seen []seenToken
	for _, slot := range slots {
		info, err := m.p11.GetTokenInfo(slot)
		if err != nil {
			continue
		}
		info.Label, info.SerialNumber = blankless(info.Label), blankless(info.SerialNumber)
		seen = append(seen, seenToken{slot, info})
	}
	return seen, nil
}

// blankless trims what PKCS #11 pads with blanks and some libraries with zeros.
func blankless(s string) string { return strings.TrimRight(s, " \x00") }

// findToken finds the one token that the configuration selects. The error lists the tokens there are.
func (m *module) findToken(cfg Config) (uint, pkcs11.TokenInfo, error) {
	found, seen, err := m.selected(cfg)
	if err != nil {
		return 0, pkcs11.TokenInfo{}, err
	}
	switch {
	case len(found) == 0:
		return 0, pkcs11.TokenInfo{}, unavailable("no token has %s; the module shows %s; correct the selection, or initialise a token",
			cfg.selection(), listTokens(seen))
	case len(found) > 1:
		return 0, pkcs11.TokenInfo{}, unavailable("%d tokens have %s: %s; select by serial", len(found), cfg.selection(), listTokens(found))
	case !found[0].initialised():
		return 0, pkcs11.TokenInfo{}, unavailable("the token in %v; initialise it with the vendor's tool first", found[0])
	}
	return found[0].slot, found[0].info, nil
}

// selected lists the tokens that the configuration selects, and all.
func (m *module) selected(cfg Config) (found, seen []seenToken, err error) {
	seen, err = m.tokens()
	for _, s := range seen {
		if cfg.selects(s) {
			found = append(found, s)
		}
	}
	return found, seen, err
}

func (c Config) selects(s seenToken) bool {
	switch {
	case c.Slot != nil:
		return s.slot == *c.Slot
	case c.Serial != "":
		return s.initialised() && s.info.SerialNumber == c.Serial
	default:
		return s.initialised() && s.info.Label == c.Label
	}
}

func (c Config) selection() string {
	switch {
	case c.Slot != nil:
		return fmt.Sprintf("slot %d", *c.Slot)
	case c.Serial != "":
		return fmt.Sprintf("serial %q", c.Serial)
	default:
		return fmt.Sprintf("label %q", c.Label)
	}
}

func listTokens(seen []seenToken) string {
	if len(seen) == 0 {
		return "no token at all"
	}
	texts := make([]string, len(seen))
	for i, s := range seen {
		texts[i] = s.String()
	}
	return strings.Join(texts, ", ")
}

// wrapping is the set of mechanisms that the token can wrap by.
func (m *module) wrapping(slot uint) (map[uint]bool, error) {
	list, err := m.p11.GetMechanismList(slot)
	if err != nil {
		return nil, failed("C_GetMechanismList", err)
	}
	set := map[uint]bool{}
	for _, mech := range list {
		info, err := m.p11.GetMechanismInfo(slot, []*pkcs11.Mechanism{mech})
		if err != nil {
			continue // listed and then denied: it cannot be used either
		}
		set[mech.Mechanism] = info.Flags&pkcs11.CKF_WRAP != 0
	}
	return set, nil
}
