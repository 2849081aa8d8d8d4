package kmstest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

func testMAC(t *testing.T, d kms.Device) {
	a, b := newMACKey(t, d), newMACKey(t, d)
	messages := map[string][]byte{"nil": nil, "one zero octet": {0}, "two zero octets": {0, 0}}
	// Lengths around the block of SHA-256, and one beyond what a token takes in a single part.
	for name, n := range map[string]int{"31": 31, "63": 63, "64": 64, "65": 65, "4096": 4096, "16000": mustMAC, "65535": 65535, "64 KiB": 65536} {
		messages[name] = pattern(n)
	}
	changed := pattern(65536)
	changed[65535] ^= 1
	messages["64 KiB, the last bit changed"] = changed
	seen := map[string]string{}
	for name, m := range messages {
		if tooLong(t, d, a, m) {
			continue
		}
		for key, id := range map[string]device.ObjectID{"a": a, "b": b} {
			sum := mac(t, d, id, m)
			if len(sum) != sha256.Size {
				t.Fatalf("the MAC of message %q has %d octets, want %d", name, len(sum), sha256.Size)
			}
			if again := mac(t, d, id, bytes.Clone(m)); !bytes.Equal(sum, again) {
				t.Errorf("two MACs of message %q under one key: %x and %x", name, sum, again)
			}
			if twin, ok := seen[string(sum)]; ok {
				t.Errorf("the MAC of message %q under key %s is also that of %s", name, key, twin)
			}
			seen[string(sum)] = name + " under key " + key
		}
	}
	if !bytes.Equal(mac(t, d, a, nil), mac(t, d, a, []byte{})) {
		t.Error("a nil message and an empty one have different MACs")
	}
}

// mustMAC is how long a message every device must authenticate: CloudHSM takes 16,288 octets in one call.
const mustMAC = 16000

// tooLong tells that the device refuses the message, which it may for its length alone and as unsupported alone.
func tooLong(t *testing.T, d kms.Device, id device.ObjectID, m []byte) bool {
	t.Helper()
	if len(m) <= mustMAC {
		return false
	}
	_, err := d.MAC(t.Context(), id, m)
	if err != nil {
		wantClass(t, "MAC of a long message", err, device.ErrUnsupported)
	}
	return err != nil
}

// testPurposes: none of the refusals may be ErrInvalidData, which would blame the ciphertext.
func testPurposes(t *testing.T, d kms.Device) {
	k, macKey := newKey(t, d), newMACKey(t, d)
	ctx, aad := t.Context(), []byte("aad")
	before := mac(t, d, macKey, []byte("message"))
	var notData []error
	for _, c := range deviceClasses {
		if !errors.Is(c, device.ErrInvalidData) {
			notData = append(notData, c)
		}
	}
	wrong := device.Key{ID: macKey, Cipher: k.Cipher}
	_, err := d.Encrypt(ctx, device.EncryptRequest{Key: wrong, AAD: aad, Plaintext: []byte("x")})
	wantClass(t, "encrypt with a MAC key", err, notData...)
	_, err = d.Decrypt(ctx, device.DecryptRequest{Key: wrong, AAD: aad, Sealed: seal(t, d, k, aad, []byte("x"))})
	wantClass(t, "decrypt with a MAC key", err, notData...)
	sum, err := d.MAC(ctx, k.ID, []byte("message"))
	wantClass(t, "MAC with a wrap key", err, notData...)
	if len(sum) != 0 {
		t.Errorf("a refused MAC answered %x", sum)
	}
	wantWorks(t, d, k)
	if after := mac(t, d, macKey, []byte("message")); !bytes.Equal(before, after) {
		t.Errorf("a MAC changed from %x to %x", before, after)
	}
}
