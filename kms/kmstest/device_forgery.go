package kmstest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// genuine is a good ciphertext and what it is forged from: a second one of the same key, and one of another key.
type genuine struct {
	request device.DecryptRequest
	second  device.Sealed
	foreign device.Sealed
}

// with is the genuine request with something else in it.
func (g genuine) with(change func(*device.DecryptRequest)) device.DecryptRequest {
	r := g.request
	r.AAD = bytes.Clone(r.AAD)
	r.Sealed = device.Sealed{IV: bytes.Clone(r.Sealed.IV), Ciphertext: bytes.Clone(r.Sealed.Ciphertext)}
	change(&r)
	return r
}

var forgeries = []struct {
	name  string
	forge func(genuine) []device.DecryptRequest
}{
	{"under another AAD", forgeAAD},
	{"with a flipped bit in any octet of the IV", flipIV},
	{"with a flipped bit in any octet of ciphertext or tag", flipCiphertext},
	{"truncated at any length or empty", truncate},
	{"lengthened", lengthen},
	{"with an IV of another length", resizeIV},
	{"of another key", forgeForeign},
	{"put together from two good ones", splice},
}

func testForgeries(t *testing.T, d kms.Device) {
	withCanary, bare, other := newKey(t, d), newBareKey(t, d), newBareKey(t, d)
	for _, f := range forgeries {
		t.Run(f.name, func(t *testing.T) {
			t.Run("for a key with a canary", func(t *testing.T) { wantRefused(t, d, withCanary, other, f.forge) })
			t.Run("for a key without a canary", func(t *testing.T) { wantRefused(t, d, bare, other, f.forge) })
		})
	}
}

func wantRefused(t *testing.T, d kms.Device, k, other device.Key, forge func(genuine) []device.DecryptRequest) {
	t.Helper()
	aad, plaintext := pattern(48), pattern(32)
	g := genuine{second: seal(t, d, k, aad, pattern(33)[1:]), foreign: seal(t, d, other, aad, plaintext)}
	g.request = device.DecryptRequest{Key: k, AAD: aad, Sealed: seal(t, d, k, aad, plaintext)}
	for i, r := range forge(g) {
		got, err := d.Decrypt(t.Context(), r)
		if bad := badClass(err, device.ErrInvalidData); bad != nil {
			t.Errorf("forgery %d: %v", i, bad)
		}
		if len(got) != 0 {
			t.Errorf("forgery %d gave %d octets of plaintext away", i, len(got))
		}
	}
	wantOpens(t, d, g.request, plaintext)
	wantWorks(t, d, k)
}

func forgeAAD(g genuine) []device.DecryptRequest {
	aad := g.request.AAD
	first, last := bytes.Clone(aad), bytes.Clone(aad)
	first[0] ^= 1
	last[len(last)-1] ^= 0x80
	var all []device.DecryptRequest
	for _, a := range [][]byte{first, last, aad[1:], aad[:len(aad)-1], append(bytes.Clone(aad), 0), {0}} {
		all = append(all, g.with(func(r *device.DecryptRequest) { r.AAD = a }))
	}
	return all
}

func flipIV(g genuine) []device.DecryptRequest {
	var all []device.DecryptRequest
	for i := range g.request.Sealed.IV {
		all = append(all, g.with(func(r *device.DecryptRequest) { r.Sealed.IV[i] ^= 1 << (i % 8) }))
	}
	return all
}

func flipCiphertext(g genuine) []device.DecryptRequest {
	var all []device.DecryptRequest
	for i := range g.request.Sealed.Ciphertext {
		all = append(all, g.with(func(r *device.DecryptRequest) { r.Sealed.Ciphertext[i] ^= 1 << (i % 8) }))
	}
	return all
}

func truncate(g genuine) []device.DecryptRequest {
	all := []device.DecryptRequest{g.with(func(r *device.DecryptRequest) { r.Sealed.Ciphertext = nil })}
	for n := range g.request.Sealed.Ciphertext {
		all = append(all, g.with(func(r *device.DecryptRequest) { r.Sealed.Ciphertext = r.Sealed.Ciphertext[:n] }))
	}
	return all
}

func lengthen(g genuine) []device.DecryptRequest {
	c := g.request.Sealed.Ciphertext
	return []device.DecryptRequest{
		g.with(func(r *device.DecryptRequest) { r.Sealed.Ciphertext = append(bytes.Clone(c), 0) }),
		g.with(func(r *device.DecryptRequest) { r.Sealed.Ciphertext = slices.Concat([]byte{0}, c) }),
		g.with(func(r *device.DecryptRequest) { r.Sealed.Ciphertext = slices.Concat(c, c) }),
	}
}

func resizeIV(g genuine) []device.DecryptRequest {
	iv := g.request.Sealed.IV
	var all []device.DecryptRequest
	for _, n := range []int{0, 1, 11, 12, 13, 15, 16, 17, 32} {
		if n != len(iv) {
			resized := append(bytes.Clone(iv), make([]byte, 32)...)[:n]
			all = append(all, g.with(func(r *device.DecryptRequest) { r.Sealed.IV = resized }))
		}
	}
	return append(all, g.with(func(r *device.DecryptRequest) { r.Sealed.IV = nil }))
}

func forgeForeign(g genuine) []device.DecryptRequest {
	return []device.DecryptRequest{g.with(func(r *device.DecryptRequest) { r.Sealed = g.foreign })}
}

func splice(g genuine) []device.DecryptRequest {
	a, b := g.request.Sealed, g.second
	body := len(a.Ciphertext) - device.TagSize
	return []device.DecryptRequest{
		g.with(func(r *device.DecryptRequest) { r.Sealed.IV = b.IV }),
		g.with(func(r *device.DecryptRequest) {
			r.Sealed.Ciphertext = slices.Concat(a.Ciphertext[:body], b.Ciphertext[body:])
		}),
		g.with(func(r *device.DecryptRequest) {
			r.Sealed.Ciphertext = slices.Concat(b.Ciphertext[:body], a.Ciphertext[body:])
		}),
	}
}
