package hsm

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"testing"
)

func mustAES(t *testing.T, key []byte) cipher.Block {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The examples of RFC 5649, section 6, and the one of RFC 3394, section 4.6, for 256 bits under 256.
func TestKeyWrapAgreesWithTheStandards(t *testing.T) {
	const kek192 = "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"
	for name, v := range map[string]struct {
		wrap               func(kek, plaintext []byte) ([]byte, error)
		kek, plain, cipher string
	}{
		"20 octets": {wrapKWP, kek192, "c37b7e6492584340bed12207808941155068f738",
			"138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
		"7 octets": {wrapKWP, kek192, "466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"},
		"without padding": {wrapKW, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
			"00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
			"28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
	} {
		got, err := v.wrap(unhex(t, v.kek), unhex(t, v.plain))
		if err != nil || hex.EncodeToString(got) != v.cipher {
			t.Errorf("%s: %x, %v; want %s", name, got, err, v.cipher)
		}
	}
}

func TestWhatIsWrappedUnwrapsAndNothingElseDoes(t *testing.T) {
	kek := make([]byte, 32)
	_, _ = rand.Read(kek)
	for size := 1; size <= 65; size++ {
		plain := make([]byte, size)
		_, _ = rand.Read(plain)
		wrapped, err := wrapKWP(kek, plain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unwrapKWP(kek, wrapped)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d octets came back as %x, %v", size, got, err)
		}
		for i := range wrapped {
			bad := bytes.Clone(wrapped)
			bad[i] ^= 0x10
			if _, err := unwrapKWP(kek, bad); err == nil {
				t.Errorf("%d octets with octet %d altered were unwrapped", size, i)
			}
		}
		if _, err := unwrapKWP(kek, wrapped[:len(wrapped)-8]); err == nil {
			t.Errorf("%d octets cut short were unwrapped", size)
		}
	}
	if _, err := wrapKWP(kek, nil); err == nil {
		t.Error("nothing was wrapped")
	}
	if _, err := wrapKWP(kek[:5], []byte("x")); err == nil {
		t.Error("a key of 5 octets wrapped")
	}
}

// Padding that is not zero, or longer than needed, is a forgery that only knowledge of the key can make.
func TestWrongPaddingIsRefused(t *testing.T) {
	kek := make([]byte, 32)
	for name, head := range map[string][8]byte{
		"too long":      {0xA6, 0x59, 0x59, 0xA6, 0, 0, 0, 17},
		"too short":     {0xA6, 0x59, 0x59, 0xA6, 0, 0, 0, 8},
		"not zero":      {0xA6, 0x59, 0x59, 0xA6, 0, 0, 0, 15},
		"another mark":  {0xA6, 0x59, 0x59, 0xA7, 0, 0, 0, 16},
		"KW's own mark": kwMark,
	} {
		wrapped := wrapping(mustAES(t, kek), head, bytes.Repeat([]byte{7}, 16))
		if _, err := unwrapKWP(kek, wrapped); err == nil {
			t.Errorf("%s: unwrapped", name)
		}
	}
}
