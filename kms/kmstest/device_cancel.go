package kmstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// badEnd tells what is wrong with the error of a call whose context has ended: anything but the context's own error
// or a class that invites to try again would be a verdict on the data or the key that nobody reached.
func badEnd(ctx context.Context, err error) error {
	if err == nil {
		return errors.New("it succeeded though its context had ended before")
	}
	if errors.Is(err, ctx.Err()) {
		return nil
	}
	return badClass(err, device.ErrBusy, device.ErrUnavailable)
}

func testCancelled(t *testing.T, d kms.Device) {
	k, macKey := newKey(t, d), newMACKey(t, d)
	fresh, aad := freshID(t, d), []byte("aad")
	s := seal(t, d, k, aad, []byte("x"))
	o := objectOf(t, d, k.ID)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"Random": func() error { return d.Random(ctx, make([]byte, 32)) },
		"Encrypt": func() error {
			_, err := d.Encrypt(ctx, device.EncryptRequest{Key: k, AAD: aad, Plaintext: []byte("x")})
			return err
		},
		"Decrypt": func() error {
			_, err := d.Decrypt(ctx, device.DecryptRequest{Key: k, AAD: aad, Sealed: s})
			return err
		},
		"MAC": func() error { _, err := d.MAC(ctx, macKey, []byte("x")); return err },
		"GenerateKey": func() error {
			_, err := d.GenerateKey(ctx, device.KeySpec{ID: fresh, Label: "kmstest cancelled", Purpose: device.PurposeWrap})
			return err
		},
		"CheckKey":      func() error { return d.CheckKey(ctx, k.ID, device.PurposeWrap, device.OriginGenerated) },
		"HasKey":        func() error { _, err := d.HasKey(ctx, fresh); return err },
		"DestroyKey":    func() error { return d.DestroyKey(ctx, fresh) },
		"Inventory":     func() error { _, err := d.Inventory(ctx); return err },
		"HalfMade":      func() error { _, err := d.HalfMade(ctx); return err },
		"DestroyDebris": func() error { return d.DestroyDebris(ctx, o) },
	} {
		wantEnds(t, ctx, name, call)
	}
	wantWorks(t, d, k)
	mac(t, d, macKey, []byte("x"))
}

// wantEnds gives a call whose context has ended half a minute: far more than it should need, also on a busy machine.
func wantEnds(t *testing.T, ctx context.Context, name string, call func() error) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- call() }()
	select {
	case err := <-ended:
		if bad := badEnd(ctx, err); bad != nil {
			t.Errorf("%s with a cancelled context: %v", name, bad)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("%s with a cancelled context has not ended after 30 seconds", name)
	}
}

func testCancelledHalfWay(t *testing.T, d kms.Device) {
	k := newKey(t, d)
	aad, plaintext := []byte("aad"), pattern(4096)
	s := seal(t, d, k, aad, plaintext)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if err := decryptInAHurry(t.Context(), d, device.DecryptRequest{Key: k, AAD: aad, Sealed: s}, plaintext); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	// One after the other, more often than a device has sessions: each must have come back.
	for range 64 {
		wantOpens(t, d, device.DecryptRequest{Key: k, AAD: aad, Sealed: s}, plaintext)
	}
	wantWorks(t, d, k)
}

// decryptInAHurry lets the time run out anywhere from before the call to after it.
func decryptInAHurry(ctx context.Context, d kms.Device, req device.DecryptRequest, want []byte) error {
	ctx, cancel := context.WithTimeout(ctx, rand.N(400*time.Microsecond))
	defer cancel()
	got, err := d.Decrypt(ctx, req)
	if err == nil {
		if !bytes.Equal(got, want) {
			return fmt.Errorf("decrypt in a hurry: a wrong plaintext of %d octets", len(got))
		}
		return nil
	}
	<-ctx.Done() // a refusal may come a moment before the deadline that it foresees
	if bad := badEnd(ctx, err); bad != nil {
		return fmt.Errorf("decrypt in a hurry: %w", bad)
	}
	return nil
}
