package faultp11

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Dead says what a dead module still does.
type Dead uint64

// The answers may be combined.
const (
	// DeadInitializes: C_Initialize works.
	DeadInitializes Dead = 1 << iota
	// DeadFinalizes: C_Finalize works.
	DeadFinalizes
	// DeadUntilInitialized: both work, and a C_Initialize brings the module back to life.
	DeadUntilInitialized
)

// Kill has every function answer rv, without reaching the real module, until Revive. Sessions and logins survive; to
// lose them too, call KillSessions.
func (c *Control) Kill(rv uint, still Dead) {
	c.page.deadFlags.Store(uint64(still))
	c.page.deadRV.Store(uint64(rv))
}

// Revive ends Kill.
func (c *Control) Revive() { c.page.deadRV.Store(0) }

// KillSessions is a reboot: every session of before is invalid and nobody is logged in any more.
func (c *Control) KillSessions() { c.page.epoch.Add(1) }

// LogOut logs out of every token behind the application's back. Then a find answers OK with no objects, and handles of
// private objects are dead, also after a new login.
func (c *Control) LogOut() { c.page.logouts.Add(1) }

// LoseLink has C_OpenSession answer CKR_CRYPTOKI_NOT_INITIALIZED, as Luna does after the loss of its network link, until
// the next C_Initialize or RestoreLink.
func (c *Control) LoseLink() { c.page.linkLost.Store(1) }

// RestoreLink ends LoseLink.
func (c *Control) RestoreLink() { c.page.linkLost.Store(0) }

// RefuseLogin has C_Login answer rv (say CKR_PIN_INCORRECT) count times, or until Clear if count is 0. The real token
// sees no attempt and cannot lock. While the answer is CKR_PIN_LOCKED, C_GetTokenInfo says CKF_USER_PIN_LOCKED.
func (c *Control) RefuseLogin(rv uint, count uint64) {
	c.page.loginLeft.Store(0)
	c.page.loginRV.Store(uint64(rv))
	c.page.loginLeft.Store(times(rv, count))
}

// Clear ends every fault, of all slots and of each, and releases what hangs. A token that was removed comes back. What
// is lost stays lost: sessions, logins. The mode's ways, limits and refused attributes stay.
func (c *Control) Clear() {
	c.Revive()
	c.RestoreLink()
	c.RefuseLogin(0, 0)
	c.Faults.Clear()
	for i := range c.page.slots {
		c.page.slots[i].gone.Store(0)
		Faults{rows: &c.page.faults[1+i]}.Clear()
	}
}

// Slot is the controls of one slot. Its embedded Faults befall only calls about it or about one of its sessions.
type Slot struct {
	Faults
	control *slotControl
}

// Slot is the controls of the slot with that id (of C_GetSlotList). There is room for eight.
func (c *Control) Slot(id uint) (*Slot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	used := c.page.slotsUsed.Load()
	for i := range c.page.slots {
		s := &Slot{Faults: Faults{rows: &c.page.faults[1+i]}, control: &c.page.slots[i]}
		if uint64(i) == used {
			s.control.id.Store(uint64(id))
			c.page.slotsUsed.Store(used + 1)
		}
		if s.control.id.Load() == uint64(id) && uint64(i) <= used {
			return s, nil
		}
	}
	return nil, fmt.Errorf("control slot %d: the page has room for %d slots", id, slotCount)
}

// RemoveToken pulls the token: C_GetSlotList leaves the slot out of those with a token, calls about it answer
// CKR_TOKEN_NOT_PRESENT, and its sessions CKR_DEVICE_REMOVED.
func (s *Slot) RemoveToken() {
	s.control.gone.Store(1)
	s.control.removals.Add(1)
}

// ReturnToken plugs it in again. The sessions of before are invalid.
func (s *Slot) ReturnToken() { s.control.gone.Store(0) }

// KillSessions is Control.KillSessions for one slot.
func (s *Slot) KillSessions() { s.control.epoch.Add(1) }

// LogOut is Control.LogOut for one slot.
func (s *Slot) LogOut() { s.control.logouts.Add(1) }

// Unlimited is a limit that is none.
const Unlimited = forever

// LimitSessions sets how many sessions may be open; 0 is the mode's own limit, Unlimited none.
func (c *Control) LimitSessions(n uint64) { c.page.maxSessions.Store(n) }

// LimitMessage sets how many octets of plaintext AES-GCM takes in one call, in CloudHSM's mode.
func (c *Control) LimitMessage(n uint64) { c.page.maxMessage.Store(n) }

// LimitHMAC sets how many octets an HMAC takes in one call, in CloudHSM's mode.
func (c *Control) LimitHMAC(n uint64) { c.page.maxHMAC.Store(n) }

// SetManufacturer sets what C_GetInfo, C_GetSlotInfo and C_GetTokenInfo call the manufacturer, by which applications
// recognise a token. At most 32 octets count; the empty name is the real module's.
func (c *Control) SetManufacturer(name string) {
	var padded [32]byte
	for i := range padded {
		switch {
		case name == "":
		case i < len(name):
			padded[i] = name[i]
		default:
			padded[i] = ' '
		}
	}
	for i := range c.page.manufacturer {
		c.page.manufacturer[i].Store(binary.NativeEndian.Uint64(padded[8*i:]))
	}
}

// Allowed is what an attribute may be in the template of a new object.
type Allowed uint64

// What may be allowed.
const (
	OnlyTrue Allowed = iota + 1
	OnlyFalse
	Never
)

// RefuseAttribute has calls that make an object answer rv when their template holds the attribute with another value
// than is allowed. It adds to the mode's own rules.
func (c *Control) RefuseAttribute(attribute uint, allowed Allowed, rv uint) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	// From the end: the module puts the mode's own rules at the beginning.
	for i := ruleCount - 1; i >= 0; i-- {
		r := &c.page.rules[i]
		if r.allowed.Load() == 0 {
			r.attribute.Store(uint64(attribute))
			r.rv.Store(uint64(rv))
			r.allowed.Store(uint64(allowed))
			return nil
		}
	}
	return errors.New("refuse an attribute: the page has no room for another rule")
}

// AcceptAttributes drops every rule about attributes, the mode's own as well.
func (c *Control) AcceptAttributes() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.page.rulesSet.Store(1)
	for i := range c.page.rules {
		c.page.rules[i].allowed.Store(0)
	}
}
