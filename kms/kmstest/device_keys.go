package kmstest

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

func testBirth(t *testing.T, d kms.Device) {
	wrap, c := generate(t, d, device.PurposeWrap)
	if c.Mechanism == 0 || ivLength(c.IV) == 0 {
		t.Errorf("a wrap key's cipher is %+v", c)
	}
	macKey, none := generate(t, d, device.PurposeMAC)
	if none != (device.Cipher{}) {
		t.Errorf("a MAC key's cipher is %+v, want zero", none)
	}
	must(t, "check the wrap key", d.CheckKey(t.Context(), wrap, device.PurposeWrap, device.OriginGenerated))
	must(t, "check the MAC key", d.CheckKey(t.Context(), macKey, device.PurposeMAC, device.OriginGenerated))
	wantHasKey(t, d, wrap, true)
	wantHasKey(t, d, macKey, true)
}

func wantHasKey(t *testing.T, d kms.Device, id device.ObjectID, want bool) {
	t.Helper()
	got, err := d.HasKey(t.Context(), id)
	must(t, "has key", err)
	if got != want {
		t.Errorf("has key %v: %v, want %v", id, got, want)
	}
}

func testCheckPurpose(t *testing.T, d kms.Device) {
	wrap, macKey := newBareKey(t, d).ID, newMACKey(t, d)
	err := d.CheckKey(t.Context(), wrap, device.PurposeMAC, device.OriginGenerated)
	wantClass(t, "check a wrap key as a MAC key", err, device.ErrUntrusted)
	err = d.CheckKey(t.Context(), macKey, device.PurposeWrap, device.OriginGenerated)
	wantClass(t, "check a MAC key as a wrap key", err, device.ErrUntrusted)
	must(t, "check it rightly", d.CheckKey(t.Context(), wrap, device.PurposeWrap, device.OriginGenerated))
}

func testIDInUse(t *testing.T, d kms.Device) {
	k := newKey(t, d)
	for _, p := range []device.Purpose{device.PurposeWrap, device.PurposeMAC} {
		_, err := d.GenerateKey(t.Context(), device.KeySpec{ID: k.ID, Label: "kmstest twin", Purpose: p})
		wantClass(t, fmt.Sprintf("generate for %v under a taken id", p), err)
	}
	wantOpens(t, d, device.DecryptRequest{Key: k, AAD: device.CanaryAAD(k.ID), Sealed: k.Canary}, []byte("canary of kmstest"))
	must(t, "check the first key", d.CheckKey(t.Context(), k.ID, device.PurposeWrap, device.OriginGenerated))
	if n := len(objectsOf(t, d, k.ID)); n != 1 {
		t.Errorf("the token has %d objects under the id, want 1", n)
	}
}

// births generates wrap keys for all ids at once and answers their errors in order.
func births(t *testing.T, d kms.Device, ids []device.ObjectID) ([]device.Key, []error) {
	t.Helper()
	keys, errs := make([]device.Key, len(ids)), make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			spec := device.KeySpec{ID: id, Label: "kmstest " + id.String(), Purpose: device.PurposeWrap}
			keys[i].ID = id
			keys[i].Cipher, errs[i] = d.GenerateKey(t.Context(), spec)
		})
	}
	all.Wait()
	return keys, errs
}

func testIDRace(t *testing.T, d kms.Device) {
	id := freshID(t, d)
	keys, errs := births(t, d, []device.ObjectID{id, id, id, id, id, id, id, id})
	var born []device.Key
	for i, err := range errs {
		if err == nil {
			born = append(born, keys[i])
			continue
		}
		wantClass(t, "lose the race for an id", err)
	}
	if len(born) != 1 {
		t.Fatalf("%d of 8 births got the id, want 1", len(born))
	}
	wantWorks(t, d, born[0])
	if n := len(objectsOf(t, d, id)); n != 1 {
		t.Errorf("the token has %d objects under the id, want 1", n)
	}
}

func testBirthsAtOnce(t *testing.T, d kms.Device) {
	ids := make([]device.ObjectID, 8)
	for i := range ids {
		ids[i] = freshID(t, d)
	}
	keys, errs := births(t, d, ids)
	for i, err := range errs {
		must(t, fmt.Sprintf("birth %d of 8", i+1), err)
		must(t, "check it", d.CheckKey(t.Context(), ids[i], device.PurposeWrap, device.OriginGenerated))
		wantWorks(t, d, keys[i])
	}
}

func testMissingKey(t *testing.T, d kms.Device) {
	wantNoKey(t, d, device.Key{ID: freshID(t, d), Cipher: newBareKey(t, d).Cipher})
}

// wantNoKey asks everything of a key that is not there. A device that answers ErrInvalidData here would make the
// core tell a caller that a good ciphertext is bad.
func wantNoKey(t *testing.T, d kms.Device, k device.Key) {
	t.Helper()
	ctx, aad := t.Context(), []byte("aad")
	wantHasKey(t, d, k.ID, false)
	_, err := d.Encrypt(ctx, device.EncryptRequest{Key: k, AAD: aad, Plaintext: []byte("x")})
	wantClass(t, "encrypt", err, device.ErrKeyNotFound)
	sealed := device.Sealed{IV: bytes.Repeat([]byte{1}, max(12, ivLength(k.Cipher.IV))), Ciphertext: make([]byte, 48)}
	_, err = d.Decrypt(ctx, device.DecryptRequest{Key: k, AAD: aad, Sealed: sealed})
	wantClass(t, "decrypt", err, device.ErrKeyNotFound)
	_, err = d.MAC(ctx, k.ID, []byte("x"))
	wantClass(t, "mac", err, device.ErrKeyNotFound)
	err = d.CheckKey(ctx, k.ID, device.PurposeWrap, device.OriginGenerated)
	wantClass(t, "check", err, device.ErrKeyNotFound)
	must(t, "destroy what is not there", d.DestroyKey(ctx, k.ID))
	if n := len(objectsOf(t, d, k.ID)); n != 0 {
		t.Errorf("the token has %d objects under the id, want none", n)
	}
}
