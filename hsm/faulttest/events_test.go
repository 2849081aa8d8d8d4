package faulttest

import (
	"errors"
	"testing"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/softhsm/faultp11"
	"github.com/miekg/pkcs11"
)

// event is what happens to a whole device, and what the recovery may cost.
type event struct {
	name    string
	begin   func(b *bench, s *faultp11.Slot)
	during  time.Duration
	logins  uint64 // C_Login calls, exactly, or at most if several
	several bool
	reinits uint64
}

var events = []event{
	{name: "a reboot", begin: func(b *bench, _ *faultp11.Slot) { b.KillSessions() }, logins: 1},
	{name: "a logout by somebody else", begin: func(b *bench, _ *faultp11.Slot) { b.LogOut() }, logins: 1},
	{name: "a dead device that lives on", during: time.Second, begin: func(b *bench, _ *faultp11.Slot) {
		b.Kill(pkcs11.CKR_DEVICE_REMOVED, 0)
	}},
	{name: "a dead device that has forgotten everything", during: time.Second, logins: 1, begin: func(b *bench, _ *faultp11.Slot) {
		b.Kill(pkcs11.CKR_DEVICE_REMOVED, 0)
		b.KillSessions()
	}},
	{name: "a library that must start over", logins: 1, reinits: 1, begin: func(b *bench, _ *faultp11.Slot) {
		b.Kill(pkcs11.CKR_GENERAL_ERROR, faultp11.DeadUntilInitialized)
	}},
	{name: "a network link that only a new start brings back", logins: 1, reinits: 1, begin: func(b *bench, _ *faultp11.Slot) {
		b.KillSessions()
		b.LoseLink()
	}},
	{name: "a token pulled out and put back", during: 2 * time.Second, logins: 1, begin: func(_ *bench, s *faultp11.Slot) {
		s.RemoveToken()
	}},
	{name: "a device that cannot log in for a while", during: 1500 * time.Millisecond, logins: 5, several: true, begin: func(b *bench, _ *faultp11.Slot) {
		b.Fail(faultp11.Login, pkcs11.CKR_DEVICE_ERROR, 0)
		b.KillSessions()
	}},
	// The session that held the login may be among those that are given up.
	{name: "everything hangs", during: time.Second, logins: 1, several: true, begin: func(b *bench, _ *faultp11.Slot) { b.Hang(faultp11.AnyFunction, 0) }},
	{name: "everything hangs and is forgotten", during: time.Second, logins: 1, begin: func(b *bench, _ *faultp11.Slot) {
		b.Hang(faultp11.AnyFunction, 0)
		b.KillSessions()
	}},
}

func TestTheTokenComesBackFromEveryEvent(t *testing.T) {
	c, cfg := newToken(t)
	slot := slotOf(t, c, cfg)
	for _, e := range events {
		t.Run(e.name, func(t *testing.T) {
			b := open(t, c, cfg)
			end := b.traffic(t, 16)
			time.Sleep(50 * time.Millisecond)
			before, _ := c.Logins()
			e.begin(b, slot)
			time.Sleep(e.during)
			if e.during > 0 {
				c.Clear()
			}
			back := b.mustBeBack(t)
			served, refused := end()
			after, _ := c.Logins()
			st := b.tok.Status(ctx)
			t.Logf("back after %v; %d served, %d refused, %d logins, %d lost", back, served, refused, after-before, st.Lost)
			if n := after - before; n > e.logins || (n < e.logins && !e.several) {
				t.Errorf("%d C_Login calls", n)
			}
			if e.reinits != 0 && st.Reinitialisations != e.reinits {
				t.Errorf("%d new initialisations", st.Reinitialisations)
			}
		})
	}
}

func slotOf(t *testing.T, c *faultp11.Control, cfg hsm.Config) *faultp11.Slot {
	t.Helper()
	report, err := hsm.Probe(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Slot(report.Token.Slot)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestARefusedLoginIsTriedOnceUnderTraffic(t *testing.T) {
	c, cfg := newToken(t)
	b := open(t, c, cfg)
	end := b.traffic(t, 16, device.ErrLogin)
	before, _ := c.Logins()
	c.RefuseLogin(pkcs11.CKR_PIN_INCORRECT, 0)
	c.KillSessions()
	time.Sleep(2 * time.Second)
	if st := b.tok.Status(ctx); st.Health != hsm.LoginRefused {
		t.Errorf("status %+v", st)
	}
	if after, _ := c.Logins(); after != before+1 {
		t.Errorf("%d C_Login calls", after-before)
	}
	if err := b.tok.Login(ctx); !errors.Is(err, device.ErrLogin) {
		t.Errorf("Login: %v", err)
	}
	c.RefuseLogin(0, 0)
	time.Sleep(100 * time.Millisecond)
	if err := b.tok.Login(ctx); err != nil {
		t.Errorf("Login: %v", err)
	}
	b.mustBeBack(t)
	end()
	if after, _ := c.Logins(); after != before+3 {
		t.Errorf("%d C_Login calls", after-before)
	}
}
