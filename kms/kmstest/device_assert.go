package kmstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

var deviceClasses = []error{
	device.ErrInvalidData, device.ErrKeyNotFound, device.ErrUnavailable, device.ErrBusy,
	device.ErrCapacity, device.ErrLogin, device.ErrUntrusted, device.ErrUnsupported,
}

// badClass explains why err is not of exactly one class, or not of one of those wanted; nil if it is.
func badClass(err error, want ...error) error {
	if err == nil {
		return errors.New("it succeeded, want a refusal")
	}
	var got []error
	for _, c := range deviceClasses {
		if errors.Is(err, c) {
			got = append(got, c)
		}
	}
	if len(got) != 1 {
		return fmt.Errorf("it is of %d device classes %v, want one: %w", len(got), got, err)
	}
	if len(want) > 0 && !slices.Contains(want, got[0]) {
		return fmt.Errorf("it is of another class than %v: %w", want, err)
	}
	return nil
}

// identical is for errors that must come back as they were: to errors.Is a wrapped one would be the same.
func identical(got, want error) bool { return any(got) == any(want) }

func wantClass(t *testing.T, what string, err error, want ...error) {
	t.Helper()
	if bad := badClass(err, want...); bad != nil {
		t.Errorf("%s: %v", what, bad)
	}
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// freshID draws an id and sees to it that no object keeps it after the test.
func freshID(t *testing.T, d kms.Device) device.ObjectID {
	t.Helper()
	id, err := device.NewObjectID(rand.Reader)
	must(t, "draw an id", err)
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := d.DestroyKey(ctx, id); err != nil {
			t.Errorf("clean up key %v: %v", id, err)
		}
	})
	return id
}

func generate(t *testing.T, d kms.Device, p device.Purpose) (device.ObjectID, device.Cipher) {
	t.Helper()
	id := freshID(t, d)
	c, err := d.GenerateKey(t.Context(), device.KeySpec{ID: id, Label: "kmstest " + id.String(), Purpose: p})
	must(t, fmt.Sprintf("generate a key for %v", p), err)
	return id, c
}

// newBareKey is a key as it is while being born: without canary.
func newBareKey(t *testing.T, d kms.Device) device.Key {
	t.Helper()
	id, c := generate(t, d, device.PurposeWrap)
	return device.Key{ID: id, Cipher: c}
}

func newKey(t *testing.T, d kms.Device) device.Key {
	t.Helper()
	k := newBareKey(t, d)
	k.Canary = seal(t, d, k, device.CanaryAAD(k.ID), []byte("canary of kmstest"))
	return k
}

func newMACKey(t *testing.T, d kms.Device) device.ObjectID {
	t.Helper()
	id, _ := generate(t, d, device.PurposeMAC)
	return id
}

func seal(t *testing.T, d kms.Device, k device.Key, aad, plaintext []byte) device.Sealed {
	t.Helper()
	s, err := d.Encrypt(t.Context(), device.EncryptRequest{Key: k, AAD: aad, Plaintext: plaintext})
	must(t, "encrypt", err)
	return s
}

func wantOpens(t *testing.T, d kms.Device, req device.DecryptRequest, want []byte) {
	t.Helper()
	got, err := d.Decrypt(t.Context(), req)
	must(t, "decrypt", err)
	if !bytes.Equal(got, want) {
		t.Fatalf("decrypt: got %d octets %.32x, want %d octets %.32x", len(got), got, len(want), want)
	}
}

// wantWorks is the proof of life of a key after something was refused.
func wantWorks(t *testing.T, d kms.Device, k device.Key) {
	t.Helper()
	aad, plaintext := []byte("proof of life"), []byte("still here")
	s := seal(t, d, k, aad, plaintext)
	wantOpens(t, d, device.DecryptRequest{Key: k, AAD: aad, Sealed: s}, plaintext)
}

func mac(t *testing.T, d kms.Device, id device.ObjectID, message []byte) []byte {
	t.Helper()
	sum, err := d.MAC(t.Context(), id, message)
	must(t, "mac", err)
	return sum
}
