package kmstest

import (
	"errors"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// testGuardPasses: a device that tries a second time asks its guard a second time, so there is no upper bound.
func testGuardPasses(t *testing.T, d kms.Device) {
	k := newKey(t, d)
	var asked int
	pass := func() error { asked++; return nil }
	aad, plaintext := []byte("aad"), []byte("guarded")
	s, err := d.Encrypt(t.Context(), device.EncryptRequest{Key: k, AAD: aad, Plaintext: plaintext, Guard: pass})
	must(t, "encrypt", err)
	if asked == 0 {
		t.Error("an encryption did not ask its guard")
	}
	asked = 0
	wantOpens(t, d, device.DecryptRequest{Key: k, AAD: aad, Sealed: s, Guard: pass}, plaintext)
	if asked == 0 {
		t.Error("a decryption did not ask its guard")
	}
}

func testGuardRefuses(t *testing.T, d kms.Device) {
	k := newKey(t, d)
	errGuard := errors.New("the policy has changed")
	refuse := func() error { return errGuard }
	aad, plaintext := []byte("aad"), []byte("guarded")
	s, err := d.Encrypt(t.Context(), device.EncryptRequest{Key: k, AAD: aad, Plaintext: plaintext, Guard: refuse})
	if !identical(err, errGuard) {
		t.Errorf("encrypt behind a refusing guard: %v, want the guard's own error", err)
	}
	if len(s.IV)+len(s.Ciphertext) != 0 {
		t.Errorf("encrypt behind a refusing guard answered %+v", s)
	}
	good := seal(t, d, k, aad, plaintext)
	bad := device.Sealed{IV: good.IV, Ciphertext: good.Ciphertext[1:]}
	// A guard comes before the token, so it also wins over what the token would say.
	for _, sealed := range []device.Sealed{good, bad} {
		got, err := d.Decrypt(t.Context(), device.DecryptRequest{Key: k, AAD: aad, Sealed: sealed, Guard: refuse})
		if !identical(err, errGuard) {
			t.Errorf("decrypt behind a refusing guard: %v, want the guard's own error", err)
		}
		if len(got) != 0 {
			t.Errorf("decrypt behind a refusing guard answered %d octets", len(got))
		}
	}
	wantOpens(t, d, device.DecryptRequest{Key: k, AAD: aad, Sealed: good}, plaintext)
	wantWorks(t, d, k)
}

// testGuardMissingKey: whether the guard runs before or after the key is looked for is the device's choice.
func testGuardMissingKey(t *testing.T, d kms.Device) {
	pass := func() error { return nil }
	k := device.Key{ID: freshID(t, d), Cipher: newBareKey(t, d).Cipher}
	_, err := d.Encrypt(t.Context(), device.EncryptRequest{Key: k, AAD: []byte("aad"), Guard: pass})
	wantClass(t, "encrypt", err, device.ErrKeyNotFound)
}
