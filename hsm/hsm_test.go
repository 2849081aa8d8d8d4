package hsm_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
)

var ctx = context.Background()

func TestAKeySealsAndOpens(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	key := newKey(t, tok)
	for _, text := range [][]byte{{}, []byte("a data key of thirty-two octets!"), bytes.Repeat([]byte{7}, 70_000)} {
		sealed := seal(t, tok, key, "context", text)
		if len(sealed.IV) != 12 || len(sealed.Ciphertext) != len(text)+device.TagSize {
			t.Fatalf("%d octets sealed to IV %d, ciphertext %d", len(text), len(sealed.IV), len(sealed.Ciphertext))
		}
		got, err := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("context"), Sealed: sealed})
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("decrypt %d octets: %v", len(text), err)
		}
	}
}

func TestAlteredDataIsInvalidAndTheTokenGoesOn(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	key := newKey(t, tok)
	good := seal(t, tok, key, "context", []byte("text"))
	flip := func(b []byte, i int) []byte { c := bytes.Clone(b); c[i] ^= 1; return c }
	cases := map[string]device.DecryptRequest{
		"other additional data":    {AAD: []byte("contexT"), Sealed: good},
		"a flipped ciphertext bit": {AAD: []byte("context"), Sealed: device.Sealed{IV: good.IV, Ciphertext: flip(good.Ciphertext, 0)}},
		"a flipped tag bit":        {AAD: []byte("context"), Sealed: device.Sealed{IV: good.IV, Ciphertext: flip(good.Ciphertext, len(good.Ciphertext)-1)}},
		"a flipped IV bit":         {AAD: []byte("context"), Sealed: device.Sealed{IV: flip(good.IV, 3), Ciphertext: good.Ciphertext}},
		"a ciphertext cut short":   {AAD: []byte("context"), Sealed: device.Sealed{IV: good.IV, Ciphertext: good.Ciphertext[1:]}},
		"less than a tag":          {AAD: []byte("context"), Sealed: device.Sealed{IV: good.IV, Ciphertext: good.Ciphertext[:15]}},
		"no ciphertext":            {AAD: []byte("context"), Sealed: device.Sealed{IV: good.IV}},
		"an IV of another length":  {AAD: []byte("context"), Sealed: device.Sealed{IV: good.IV[:11], Ciphertext: good.Ciphertext}},
	}
	for name, req := range cases {
		for _, withCanary := range []bool{true, false} {
			req.Key = key
			if !withCanary {
				req.Key.Canary = device.Sealed{}
			}
			if _, err := tok.Decrypt(ctx, req); !errors.Is(err, device.ErrInvalidData) {
				t.Errorf("%s (canary %t): got %v, want ErrInvalidData", name, withCanary, err)
			}
		}
	}
	if st := tok.Status(ctx); st.Health != hsm.Healthy || st.Logins != 1 {
		t.Errorf("after refused data the status is %+v", st)
	}
}

// newKey makes a wrap key with its canary.
func newKey(tb testing.TB, tok *hsm.Token) device.Key {
	tb.Helper()
	key := device.Key{ID: newID(tb)}
	var err error
	key.Cipher, err = tok.GenerateKey(ctx, device.KeySpec{ID: key.ID, Label: "test key", Purpose: device.PurposeWrap})
	if err != nil {
		tb.Fatal(err)
	}
	key.Canary, err = tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: device.CanaryAAD(key.ID), Plaintext: []byte("canary")})
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func newID(tb testing.TB) device.ObjectID {
	tb.Helper()
	id, err := device.NewObjectID(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

func seal(tb testing.TB, tok *hsm.Token, key device.Key, aad string, text []byte) device.Sealed {
	tb.Helper()
	sealed, err := tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte(aad), Plaintext: text})
	if err != nil {
		tb.Fatal(err)
	}
	return sealed
}
