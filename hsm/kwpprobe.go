package hsm

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/miekg/pkcs11"
)

// KeyWrap is what one mechanism turned out to be.
type KeyWrap struct {
	Mechanism string `json:"mechanism"`
	Offered   bool   `json:"offered"` // listed as able to wrap
	Format    string `json:"format"`  // one of the formats, or why there is none
	KWP       bool   `json:"kwp"`     // it is RFC 5649, by a known answer

	number uint
}

// kwpNumbers are what tokens call RFC 5649, in the order of preference.
var kwpNumbers = []uint{ckmCloudHSMWrapZeroPad, ckmAESKeyWrapKWP, ckmLunaKWP, ckmAESKeyWrapPad}

// keyWraps wraps a session key under another, both of which have values that are known here, by each mechanism that
// may be RFC 5649: the same number means different formats on different tokens (see vendors.go).
func (x *prober) keyWraps(ctx context.Context) []KeyWrap {
	all := make([]KeyWrap, len(kwpNumbers))
	offered, err := x.offeredWraps(ctx)
	for i, m := range kwpNumbers {
		all[i] = KeyWrap{Mechanism: mechanismName(m), number: m, Offered: offered[m], Format: "not offered"}
		switch {
		case err != nil:
			all[i].Format = err.Error()
		case offered[m] && !x.in:
			all[i].Format = "not tried: the token could not be put to use"
		case offered[m]:
			all[i].Format = x.formatOf(ctx, m)
		}
		all[i].KWP = all[i].Format == formatKWP
	}
	x.wraps = all
	return all
}

func (x *prober) offeredWraps(ctx context.Context) (map[uint]bool, error) {
	var set map[uint]bool
	_, err := x.t.mod.fly(ctx, x.t.limit(1), flight{
		run: func() error {
			var err error
			set, err = x.t.mod.wrapping(x.t.slot())
			return err
		},
		late: func(error, bool) {},
	})
	if err != nil {
		return nil, err
	}
	return set, nil
}

// The formats that are told apart.
const (
	formatKWP    = "RFC 5649 (KWP)"
	formatKW     = "RFC 3394 (KW), without padding"
	formatPKCS7  = "RFC 3394 (KW) of PKCS #7 padding"
	formatOthers = "a format of its own"
)

func (x *prober) formatOf(ctx context.Context, mechanism uint) string {
	kek, value := make([]byte, keySize), make([]byte, keySize)
	_, _ = rand.Read(kek)
	_, _ = rand.Read(value)
	format := formatOthers
	err := x.onSession(ctx, func(s *session) error {
		defer secret.Wipe(kek)
		defer secret.Wipe(value)
		wrapped, err := x.wrapKnown(s, mechanism, kek, value)
		if err == nil {
			format = compareWraps(wrapped, kek, value)
		}
		return err
	})
	if err != nil {
		return fmt.Sprintf("not testable: %v", err)
	}
	return format
}

// wrapKnown has the token wrap one imported session key under another.
func (x *prober) wrapKnown(s *session, mechanism uint, kek, value []byte) ([]byte, error) {
	wrapper, err := x.importAES(s, kek, map[uint]bool{pkcs11.CKA_WRAP: true, pkcs11.CKA_SENSITIVE: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = x.t.destroy(s, nil, wrapper) }()
	key, err := x.importAES(s, value, map[uint]bool{pkcs11.CKA_ENCRYPT: true, pkcs11.CKA_SENSITIVE: true, pkcs11.CKA_EXTRACTABLE: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = x.t.destroy(s, nil, key) }()
	return x.t.wrap(s, mechanism, wrapper, key)
}

func (x *prober) importAES(s *session, value []byte, set map[uint]bool) (pkcs11.ObjectHandle, error) {
	template := append(without(sessionAES(set), pkcs11.CKA_VALUE_LEN), pkcs11.NewAttribute(pkcs11.CKA_VALUE, value))
	h, err := x.t.mod.p11.CreateObject(s.handle, template)
	return h, failed("C_CreateObject", err)
}

func compareWraps(wrapped, kek, value []byte) string {
	padded := append(bytes.Clone(value), bytes.Repeat([]byte{semiblock}, semiblock)...)
	defer secret.Wipe(padded)
	for _, try := range []struct {
		format string
		wrap   func(kek, plaintext []byte) ([]byte, error)
		plain  []byte
	}{{formatKWP, wrapKWP, value}, {formatKW, wrapKW, value}, {formatPKCS7, wrapKW, padded}} {
		if want, err := try.wrap(kek, try.plain); err == nil && bytes.Equal(wrapped, want) {
			return try.format
		}
	}
	return formatOthers
}

func saysKWP(t *Token) string {
	if t.prof.kwp == 0 {
		return ""
	}
	return mechanismName(t.prof.kwp) + " is " + formatKWP
}

func (x *prober) checkKWP(context.Context) (Outcome, string) {
	for _, w := range x.wraps {
		switch {
		case w.number != x.t.prof.kwp:
		case w.KWP:
			return Held, "a known answer"
		case w.Offered && (w.Format == formatKW || w.Format == formatPKCS7 || w.Format == formatOthers):
			return Failed, "it is " + w.Format
		default:
			return NotTestable, w.Format
		}
	}
	return NotTestable, "no known answer for this mechanism"
}
