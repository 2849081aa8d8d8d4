package hsm_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// What SoftHSM leaves of a birth that failed among listings is invisible to the process that made it. So the files are
// counted.
func TestBirthsAmongListingsAndUsesSucceedAndLeaveNothing(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	key := newKey(t, tok)
	sealed := seal(t, tok, key, "a", []byte("x"))
	before := token.ObjectFiles(t)
	stop := make(chan struct{})
	var users, mothers sync.WaitGroup
	for name, use := range map[string]func() error{
		"has": func() error { _, err := tok.HasKey(ctx, key.ID); return err },
		"decrypt": func() error {
			_, err := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("a"), Sealed: sealed})
			return err
		},
		"half made": func() error {
			half, err := tok.HalfMade(ctx)
			if len(half) > 0 {
				t.Errorf("half made: %+v", half)
			}
			return err
		},
	} {
		users.Go(func() {
			for !closed(stop) {
				if err := use(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	for i := range 8 {
		purpose := []device.Purpose{device.PurposeWrap, device.PurposeMAC}[i%2]
		mothers.Go(func() {
			for range 40 {
				id := newID(t)
				if _, err := tok.GenerateKey(ctx, device.KeySpec{ID: id, Label: "born", Purpose: purpose}); err != nil {
					t.Errorf("a birth: %v", err)
				}
				if err := tok.DestroyKey(ctx, id); err != nil {
					t.Errorf("a death: %v", err)
				}
			}
		})
	}
	mothers.Wait()
	close(stop)
	users.Wait()
	for _, f := range token.ObjectFiles(t) {
		if !slices.Contains(before, f) {
			t.Errorf("%s is left", f)
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestHalfMadeKeysAreFoundWithoutReadingTheWholeOnes(t *testing.T) {
	token := hsmtest.New(t)
	tok, err := hsm.Open(ctx, token.Config())
	if err != nil {
		t.Fatal(err)
	}
	newKey(t, tok)
	var halves []string
	for _, drop := range [][]uint64{
		{pkcs11.CKA_VALUE, pkcs11.CKA_CHECK_VALUE, pkcs11.CKA_LOCAL},
		{pkcs11.CKA_VALUE, pkcs11.CKA_CHECK_VALUE, pkcs11.CKA_LOCAL, pkcs11.CKA_ID, pkcs11.CKA_LABEL, pkcs11.CKA_CLASS, pkcs11.CKA_TOKEN},
	} {
		before := token.ObjectFiles(t)
		newKey(t, tok)
		after := slices.DeleteFunc(token.ObjectFiles(t), func(f string) bool { return slices.Contains(before, f) })
		dropAttributes(t, after[0], drop...)
		halves = append(halves, after...)
	}
	if err := tok.Close(); err != nil {
		t.Fatal(err)
	}
	tok = token.Open(t)
	r := newRaw(t, token)
	_, err = r.p.CreateObject(r.s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_VALUE, make([]byte, 32)),
	})
	r.must(err)
	half, err := tok.HalfMade(ctx)
	if err != nil || len(half) != len(halves) {
		t.Fatalf("half made: %+v, %v", half, err)
	}
	for _, o := range half {
		if err := tok.DestroyDebris(ctx, o); err != nil {
			t.Error(err)
		}
	}
	if all := inventory(t, tok); len(all) != 2 {
		t.Errorf("%d objects are left, want the two whole keys", len(all))
	}
}

func TestAChangeHasTheObjectsToItself(t *testing.T) {
	s := hsm.NewShelf()
	soon, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	for range 2 {
		if err := s.List(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Change(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a change among listings: %v", err)
	}
	if err := s.List(ctx); err != nil {
		t.Errorf("a listing after a change that gave up: %v", err)
	}
	begun := make(chan error)
	go func() { begun <- s.Change(ctx) }()
	for range 3 {
		s.Listed()
	}
	if err := <-begun; err != nil {
		t.Fatal(err)
	}
	if err := s.List(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a listing beside a change: %v", err)
	}
	if err := s.Change(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a change beside another: %v", err)
	}
	s.Changed()
	if err := s.List(ctx); err != nil {
		t.Error(err)
	}
}
