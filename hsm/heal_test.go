package hsm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
)

func TestManyGoroutinesShareTheToken(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	keys := []device.Key{newKey(t, tok), newKey(t, tok), newKey(t, tok)}
	together(t, 24, func(g int) error {
		for i := range 40 {
			if err := roundTrip(tok, keys[(g+i)%len(keys)], fmt.Sprintf("%d/%d", g, i)); err != nil {
				return err
			}
		}
		return nil
	})
	if st := tok.Status(ctx); st.Pool.InUse != 0 || st.Pool.Idle > 4 || st.Pool.Lost != 0 || st.Logins != 1 {
		t.Errorf("status %+v", st)
	}
}

func TestBirthsAndDeathsRunBesideUse(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	key := newKey(t, tok)
	together(t, 8, func(g int) error {
		for range 5 {
			if g%2 == 0 {
				if err := roundTrip(tok, key, "beside"); err != nil {
					return err
				}
				continue
			}
			id := newID(t)
			c, err := tok.GenerateKey(ctx, device.KeySpec{ID: id, Label: "short-lived", Purpose: device.PurposeWrap})
			if err != nil {
				return err
			}
			if err := roundTrip(tok, device.Key{ID: id, Cipher: c}, "born"); err != nil {
				return err
			}
			if err := tok.DestroyKey(ctx, id); err != nil {
				return err
			}
		}
		return nil
	})
	if n := len(inventory(t, tok)); n != 1 {
		t.Errorf("%d objects are left", n)
	}
}

func TestAKeyDestroyedBehindOurBackIsNotFound(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	key := newKey(t, tok)
	sealed := seal(t, tok, key, "a", []byte("x"))
	newRaw(t, token).destroy(key.ID)
	_, err := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("a"), Sealed: sealed})
	if !errors.Is(err, device.ErrKeyNotFound) {
		t.Errorf("decrypt: got %v, want ErrKeyNotFound", err)
	}
	_, err = tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x")})
	if !errors.Is(err, device.ErrKeyNotFound) {
		t.Errorf("encrypt: got %v, want ErrKeyNotFound", err)
	}
	wantHas(t, tok, key.ID, false)
	if st := tok.Status(ctx); st.Health != hsm.Healthy || st.Logins != 1 {
		t.Errorf("status %+v", st)
	}
}

func TestSessionsClosedBehindOurBackHeal(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	key := newKey(t, tok)
	sealed := seal(t, tok, key, "a", []byte("x"))
	fillPool(t, tok, key)
	r := newRaw(t, token)
	for _, use := range uses(t, tok, key, sealed) {
		r.must(r.p.CloseAllSessions(r.slot)) // also logs out
		r.open()
		if err := use.run(); err != nil {
			t.Errorf("%s: %v", use.name, err)
		}
	}
}

func TestALogoutBehindOurBackHealsWithOneLogin(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	key := newKey(t, tok)
	sealed := seal(t, tok, key, "a", []byte("x"))
	r := newRaw(t, token)
	for i, use := range uses(t, tok, key, sealed) {
		r.must(r.p.Logout(r.s))
		if err := use.run(); err != nil {
			t.Errorf("%s: %v", use.name, err)
		}
		// Random needs no login; whatever comes next makes it good.
		if _, err := tok.HasKey(ctx, key.ID); err != nil {
			t.Error(err)
		}
		if st := tok.Status(ctx); st.Logins != uint64(i+2) {
			t.Fatalf("%s: %d logins after %d logouts", use.name, st.Logins, i+1)
		}
	}
}

func TestManyGoroutinesHealALogoutWithOneLogin(t *testing.T) {
	token := hsmtest.New(t)
	cfg := token.Config()
	cfg.Sessions = 8
	tok := hsmtest.Open(t, cfg)
	key := newKey(t, tok)
	r := newRaw(t, token)
	for round := range 5 {
		r.must(r.p.Logout(r.s))
		together(t, 16, func(int) error { return roundTrip(tok, key, "after logout") })
		if st := tok.Status(ctx); st.Logins != uint64(round+2) {
			t.Fatalf("%d logins after %d logouts", st.Logins, round+1)
		}
	}
}

type namedUse struct {
	name string
	run  func() error
}

// uses is every method that a lost session or login must not hurt.
func uses(tb testing.TB, tok *hsm.Token, key device.Key, sealed device.Sealed) []namedUse {
	mac := newMAC(tb, tok)
	return []namedUse{
		{"encrypt", func() error { return roundTrip(tok, key, "text") }},
		{"decrypt", func() error {
			_, err := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("a"), Sealed: sealed})
			return err
		}},
		{"decrypt of refused data", func() error {
			_, err := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("b"), Sealed: sealed})
			if errors.Is(err, device.ErrInvalidData) {
				return nil
			}
			return fmt.Errorf("got %w, want ErrInvalidData", err)
		}},
		{"random", func() error { return tok.Random(ctx, make([]byte, 32)) }},
		{"MAC", func() error { _, err := tok.MAC(ctx, mac, []byte("row")); return err }},
		{"has", func() error {
			has, err := tok.HasKey(ctx, key.ID)
			if err == nil && !has {
				return errors.New("the key is not seen")
			}
			return err
		}},
		{"check", func() error { return tok.CheckKey(ctx, key.ID, device.PurposeWrap, device.OriginGenerated) }},
		{"birth", func() error {
			_, err := tok.GenerateKey(ctx, device.KeySpec{ID: newID(tb), Label: "born", Purpose: device.PurposeWrap})
			return err
		}},
		{"destruction", func() error { return tok.DestroyKey(ctx, mac) }},
		{"inventory", func() error {
			all, err := tok.Inventory(ctx)
			if err == nil && len(all) == 0 {
				return errors.New("the inventory is empty")
			}
			return err
		}},
		{"self-test", func() error { return tok.SelfTest(ctx) }},
	}
}

// fillPool opens every session of the pool.
func fillPool(tb testing.TB, tok *hsm.Token, key device.Key) {
	tb.Helper()
	limit := tok.Status(ctx).Pool.Limit
	var inside sync.WaitGroup
	inside.Add(limit)
	together(tb, limit, func(int) error {
		_, err := tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x"), Guard: func() error {
			inside.Done()
			inside.Wait()
			return nil
		}})
		return err
	})
}

func roundTrip(tok *hsm.Token, key device.Key, text string) error {
	aad := []byte("aad of " + text)
	sealed, err := tok.Encrypt(context.Background(), device.EncryptRequest{Key: key, AAD: aad, Plaintext: []byte(text)})
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	got, err := tok.Decrypt(context.Background(), device.DecryptRequest{Key: key, AAD: aad, Sealed: sealed})
	if err != nil {
		return fmt.Errorf("decrypt: %w", err)
	}
	if !bytes.Equal(got, []byte(text)) {
		return errors.New("the text changed")
	}
	return nil
}

// together runs n goroutines and fails the test with their errors.
func together(tb testing.TB, n int, run func(g int) error) {
	tb.Helper()
	var wg sync.WaitGroup
	for g := range n {
		wg.Go(func() {
			if err := run(g); err != nil {
				tb.Error(err)
			}
		})
	}
	wg.Wait()
}
