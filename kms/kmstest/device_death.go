package kmstest

import (
	"bytes"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

func testDestroy(t *testing.T, d kms.Device) {
	k, macKey := newKey(t, d), newMACKey(t, d)
	// Using both first fills whatever the device caches by id.
	wantWorks(t, d, k)
	mac(t, d, macKey, []byte("message"))
	must(t, "destroy the wrap key", d.DestroyKey(t.Context(), k.ID))
	must(t, "destroy the MAC key", d.DestroyKey(t.Context(), macKey))
	wantNoKey(t, d, k)
	wantNoKey(t, d, device.Key{ID: k.ID, Cipher: k.Cipher})
	wantNoKey(t, d, device.Key{ID: macKey, Cipher: k.Cipher})
}

func testDestroyOne(t *testing.T, d kms.Device) {
	doomed, kept, macKey := newKey(t, d), newKey(t, d), newMACKey(t, d)
	before := mac(t, d, macKey, []byte("message"))
	must(t, "destroy", d.DestroyKey(t.Context(), doomed.ID))
	canary := device.DecryptRequest{Key: kept, AAD: device.CanaryAAD(kept.ID), Sealed: kept.Canary}
	wantOpens(t, d, canary, []byte("canary of kmstest"))
	if after := mac(t, d, macKey, []byte("message")); !bytes.Equal(before, after) {
		t.Errorf("a MAC changed from %x to %x", before, after)
	}
}

// testRebirth catches a device that keeps serving a handle, a canary or a value of the first life.
func testRebirth(t *testing.T, d kms.Device) {
	first := newBareKey(t, d)
	aad, plaintext := []byte("aad"), []byte("of the first life")
	sealed := seal(t, d, first, aad, plaintext)
	must(t, "destroy", d.DestroyKey(t.Context(), first.ID))
	spec := device.KeySpec{ID: first.ID, Label: "kmstest reborn", Purpose: device.PurposeWrap}
	c, err := d.GenerateKey(t.Context(), spec)
	must(t, "generate again", err)
	second := device.Key{ID: first.ID, Cipher: c}
	wantWorks(t, d, second)
	_, err = d.Decrypt(t.Context(), device.DecryptRequest{Key: second, AAD: aad, Sealed: sealed})
	wantClass(t, "open what the first life sealed", err, device.ErrInvalidData)
	wantWorks(t, d, second)
}
