package kmstest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// pattern is n octets that are not all alike.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	return p
}

func testRoundTrip(t *testing.T, d kms.Device) {
	withCanary, bare := newKey(t, d), newBareKey(t, d)
	for _, size := range []int{0, 1, 15, 16, 17, 32, 4096} {
		// 9000 octets hold the largest encryption context that AWS allows.
		for _, aad := range [][]byte{{0}, pattern(16), pattern(100), pattern(9000)} {
			for _, k := range []device.Key{withCanary, bare} {
				wantRoundTrip(t, d, k, aad, pattern(size))
			}
		}
	}
	s := seal(t, d, bare, []byte("aad"), nil)
	wantOpens(t, d, device.DecryptRequest{Key: bare, AAD: []byte("aad"), Sealed: s}, nil)
}

func wantRoundTrip(t *testing.T, d kms.Device, k device.Key, aad, plaintext []byte) {
	t.Helper()
	s := seal(t, d, k, aad, plaintext)
	if want := len(plaintext) + device.TagSize; len(s.Ciphertext) != want {
		t.Fatalf("%d octets were sealed as %d, want %d", len(plaintext), len(s.Ciphertext), want)
	}
	if len(plaintext) >= 16 && bytes.Contains(s.Ciphertext, plaintext) {
		t.Fatalf("the ciphertext of %d octets contains them", len(plaintext))
	}
	wantOpens(t, d, device.DecryptRequest{Key: k, AAD: aad, Sealed: s}, plaintext)
}

func testFreshIV(t *testing.T, d kms.Device) {
	k := newBareKey(t, d)
	seen := map[string]bool{}
	for range 1000 {
		s := seal(t, d, k, []byte("aad"), []byte("the same every time"))
		if err := badIV(k, s.IV); err != nil {
			t.Fatal(err)
		}
		if seen[string(s.IV)] {
			t.Fatalf("IV %x was used twice within %d encryptions", s.IV, len(seen)+1)
		}
		seen[string(s.IV)] = true
	}
}

// badIV tells what is wrong with one IV: a zero one is what a token leaves behind that ignores its IV policy.
func badIV(k device.Key, iv []byte) error {
	if want := ivLength(k.Cipher.IV); len(iv) != want {
		return fmt.Errorf("the IV has %d octets, want %d for %v", len(iv), want, k.Cipher.IV)
	}
	if bytes.Equal(iv, make([]byte, len(iv))) {
		return fmt.Errorf("the IV is %d octets of zero", len(iv))
	}
	return nil
}

// testNeedsAAD: to open without AAD is bad data as much as a bad request, so either class will do.
func testNeedsAAD(t *testing.T, d kms.Device) {
	k := newKey(t, d)
	good := seal(t, d, k, []byte("aad"), []byte("x"))
	for _, aad := range [][]byte{nil, {}} {
		s, err := d.Encrypt(t.Context(), device.EncryptRequest{Key: k, AAD: aad, Plaintext: []byte("x")})
		wantClass(t, "encrypt without AAD", err, device.ErrUnsupported)
		if len(s.IV)+len(s.Ciphertext) != 0 {
			t.Errorf("a refused encryption answered %+v", s)
		}
		_, err = d.Decrypt(t.Context(), device.DecryptRequest{Key: k, AAD: aad, Sealed: good})
		wantClass(t, "decrypt without AAD", err, device.ErrUnsupported, device.ErrInvalidData)
	}
	wantWorks(t, d, k)
}

// testBuffers catches a device that writes its IV into the caller's slice, decrypts in place or answers memory that
// it will use again.
func testBuffers(t *testing.T, d kms.Device) {
	k, macKey := newKey(t, d), newMACKey(t, d)
	aad, plaintext := pattern(40), pattern(64)
	s := seal(t, d, k, aad, plaintext)
	kept := device.Sealed{IV: bytes.Clone(s.IV), Ciphertext: bytes.Clone(s.Ciphertext)}
	opened, err := d.Decrypt(t.Context(), device.DecryptRequest{Key: k, AAD: aad, Sealed: s})
	must(t, "decrypt", err)
	sum := mac(t, d, macKey, plaintext)
	keptSum := bytes.Clone(sum)

	seal(t, d, k, pattern(41), make([]byte, 64))
	mac(t, d, macKey, []byte("another"))
	_, err = d.Decrypt(t.Context(), device.DecryptRequest{Key: k, AAD: pattern(41), Sealed: s})
	wantClass(t, "decrypt with other AAD", err, device.ErrInvalidData)
	for _, c := range []struct {
		name      string
		got, want []byte
	}{
		{"the AAD", aad, pattern(40)},
		{"the plaintext", plaintext, pattern(64)},
		{"the IV", s.IV, kept.IV},
		{"the ciphertext", s.Ciphertext, kept.Ciphertext},
		{"the opened plaintext", opened, pattern(64)},
		{"the MAC", sum, keptSum},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s changed to %x, was %x", c.name, c.got, c.want)
		}
	}
}
