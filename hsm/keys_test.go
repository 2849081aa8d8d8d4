package hsm_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

func TestANewKeyHasTheWholeTemplate(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	r := newRaw(t, token)
	wrap, mac := newKey(t, tok).ID, newMAC(t, tok)
	want := map[uint][2]bool{ // wrap key, MAC key
		pkcs11.CKA_TOKEN: {true, true}, pkcs11.CKA_PRIVATE: {true, true}, pkcs11.CKA_SENSITIVE: {true, true},
		pkcs11.CKA_EXTRACTABLE: {false, false}, pkcs11.CKA_ENCRYPT: {true, false}, pkcs11.CKA_DECRYPT: {true, false},
		pkcs11.CKA_SIGN: {false, true}, pkcs11.CKA_VERIFY: {false, true}, pkcs11.CKA_WRAP: {false, false},
		pkcs11.CKA_UNWRAP: {false, false}, pkcs11.CKA_DERIVE: {false, false}, pkcs11.CKA_MODIFIABLE: {false, false},
		pkcs11.CKA_COPYABLE: {false, false}, pkcs11.CKA_LOCAL: {true, true}, pkcs11.CKA_ALWAYS_SENSITIVE: {true, true},
		pkcs11.CKA_NEVER_EXTRACTABLE: {true, true},
	}
	for i, id := range []device.ObjectID{wrap, mac} {
		found := r.find(id)
		if len(found) != 1 {
			t.Fatalf("%d objects with the id", len(found))
		}
		for kind, values := range want {
			if got := r.flag(found[0], kind); got != values[i] {
				t.Errorf("key %d: attribute 0x%X is %t", i, kind, got)
			}
		}
	}
	if err := tok.CheckKey(ctx, wrap, device.PurposeWrap, device.OriginGenerated); err != nil {
		t.Error(err)
	}
	if err := tok.CheckKey(ctx, mac, device.PurposeMAC, device.OriginGenerated); err != nil {
		t.Error(err)
	}
	if err := tok.CheckKey(ctx, mac, device.PurposeWrap, device.OriginGenerated); !errors.Is(err, device.ErrUntrusted) {
		t.Errorf("a MAC key passes for a wrap key: %v", err)
	}
}

func TestAKeyCannotBeChangedOrCopied(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	r := newRaw(t, token)
	h := r.find(newKey(t, tok).ID)[0]
	for _, a := range []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, "other"),
	} {
		if err := r.p.SetAttributeValue(r.s, h, []*pkcs11.Attribute{a}); err == nil {
			t.Errorf("attribute 0x%X could be set", a.Type)
		}
	}
	if _, err := r.p.CopyObject(r.s, h, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false)}); err == nil {
		t.Error("the key could be copied")
	}
}

func TestCheckKeyNamesTheRuleThatAKeyBreaks(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	r := newRaw(t, token)
	cases := map[string]map[uint]any{
		"EXTRACTABLE":        {pkcs11.CKA_EXTRACTABLE: true},
		"SENSITIVE":          {pkcs11.CKA_SENSITIVE: false},
		"PRIVATE":            {pkcs11.CKA_PRIVATE: false},
		"WRAP":               {pkcs11.CKA_WRAP: true},
		"UNWRAP":             {pkcs11.CKA_UNWRAP: true},
		"DERIVE":             {pkcs11.CKA_DERIVE: true},
		"SIGN":               {pkcs11.CKA_SIGN: true},
		"VERIFY":             {pkcs11.CKA_VERIFY: true},
		"ENCRYPT":            {pkcs11.CKA_ENCRYPT: false},
		"DECRYPT":            {pkcs11.CKA_DECRYPT: false},
		"MODIFIABLE":         {pkcs11.CKA_MODIFIABLE: true},
		"COPYABLE":           {pkcs11.CKA_COPYABLE: true},
		"VALUE_LEN":          {pkcs11.CKA_VALUE_LEN: 16},
		"ALLOWED_MECHANISMS": {pkcs11.CKA_ALLOWED_MECHANISMS: []byte{0x85, 0x10, 0, 0, 0, 0, 0, 0}},
	}
	for rule, changes := range cases {
		id := newID(t)
		r.aes(id[:], changes)
		err := tok.CheckKey(ctx, id, device.PurposeWrap, device.OriginGenerated)
		if !errors.Is(err, device.ErrUntrusted) || !strings.Contains(err.Error(), "CKA_"+rule+" ") {
			t.Errorf("%s: got %v", rule, err)
		}
	}
	good := newID(t)
	r.aes(good[:], nil)
	if err := tok.CheckKey(ctx, good, device.PurposeWrap, device.OriginGenerated); err != nil {
		t.Errorf("a key by the rules: %v", err)
	}
}

func TestAnImportedKeyPassesOnlyAsImported(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	r := newRaw(t, token)
	id := newID(t)
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, id[:]), pkcs11.NewAttribute(pkcs11.CKA_VALUE, bytes.Repeat([]byte{1}, 32))}
	for kind, value := range map[uint]any{
		pkcs11.CKA_CLASS: pkcs11.CKO_SECRET_KEY, pkcs11.CKA_KEY_TYPE: pkcs11.CKK_AES, pkcs11.CKA_TOKEN: true, pkcs11.CKA_PRIVATE: true,
		pkcs11.CKA_SENSITIVE: true, pkcs11.CKA_EXTRACTABLE: false, pkcs11.CKA_ENCRYPT: true, pkcs11.CKA_DECRYPT: true,
		pkcs11.CKA_SIGN: false, pkcs11.CKA_VERIFY: false, pkcs11.CKA_WRAP: false, pkcs11.CKA_UNWRAP: false, pkcs11.CKA_DERIVE: false,
		pkcs11.CKA_MODIFIABLE: false, pkcs11.CKA_COPYABLE: false, pkcs11.CKA_ALLOWED_MECHANISMS: []byte{0x87, 0x10, 0, 0, 0, 0, 0, 0},
	} {
		template = append(template, pkcs11.NewAttribute(kind, value))
	}
	_, err := r.p.CreateObject(r.s, template)
	r.must(err)
	if err := tok.CheckKey(ctx, id, device.PurposeWrap, device.OriginImported); err != nil {
		t.Errorf("as imported: %v", err)
	}
	if err := tok.CheckKey(ctx, id, device.PurposeWrap, device.OriginGenerated); !errors.Is(err, device.ErrUntrusted) {
		t.Errorf("as generated: got %v, want ErrUntrusted", err)
	}
}

func TestAnIDIsUsedOnce(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	key := newKey(t, tok)
	_, err := tok.GenerateKey(ctx, device.KeySpec{ID: key.ID, Label: "again", Purpose: device.PurposeWrap})
	if !errors.Is(err, device.ErrUnsupported) {
		t.Fatalf("got %v, want a refusal", err)
	}
	seal(t, tok, key, "still there", []byte("x"))
}

func TestTwoObjectsWithOneIDAreRefused(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	r := newRaw(t, token)
	id := newID(t)
	r.aes(id[:], nil)
	r.aes(id[:], nil)
	key := device.Key{ID: id, Cipher: tok.Cipher()}
	_, err := tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x")})
	if !errors.Is(err, device.ErrUntrusted) {
		t.Errorf("encrypt: got %v, want ErrUntrusted", err)
	}
	if err := tok.DestroyKey(ctx, id); err != nil {
		t.Fatal(err)
	}
	if n := len(r.find(id)); n != 0 {
		t.Errorf("%d objects are left", n)
	}
}

func TestMACIsStableAndBoundToItsKey(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	a, b := newMAC(t, tok), newMAC(t, tok)
	first, err := tok.MAC(ctx, a, []byte("row"))
	if err != nil || len(first) != 32 {
		t.Fatalf("MAC of %d octets, %v", len(first), err)
	}
	again, err := tok.MAC(ctx, a, []byte("row"))
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("the MAC changed: %v", err)
	}
	other, err := tok.MAC(ctx, b, []byte("row"))
	if err != nil || bytes.Equal(first, other) {
		t.Errorf("two keys make one MAC: %v", err)
	}
	if empty, err := tok.MAC(ctx, a, nil); err != nil || len(empty) != 32 {
		t.Errorf("MAC of nothing: %d octets, %v", len(empty), err)
	}
}

func TestAKeyServesItsPurposeOnly(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	key, mac := newKey(t, tok), newMAC(t, tok)
	if _, err := tok.MAC(ctx, key.ID, []byte("x")); !errors.Is(err, device.ErrUnsupported) {
		t.Errorf("MAC with a wrap key: got %v", err)
	}
	req := device.EncryptRequest{Key: device.Key{ID: mac, Cipher: tok.Cipher()}, AAD: []byte("a"), Plaintext: []byte("x")}
	if _, err := tok.Encrypt(ctx, req); !errors.Is(err, device.ErrUnsupported) {
		t.Errorf("encryption with a MAC key: got %v", err)
	}
}

func TestRandomFillsItsBuffer(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	a, b := make([]byte, 64), make([]byte, 64)
	for _, p := range [][]byte{a, b, nil} {
		if err := tok.Random(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Equal(a, b) || bytes.Equal(a, make([]byte, 64)) {
		t.Error("not random")
	}
}

func TestDestroyedMeansGoneAndMayBeRepeated(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	key := newKey(t, tok)
	sealed := seal(t, tok, key, "a", []byte("x"))
	wantHas(t, tok, key.ID, true)
	for range 2 {
		if err := tok.DestroyKey(ctx, key.ID); err != nil {
			t.Fatal(err)
		}
	}
	wantHas(t, tok, key.ID, false)
	_, err := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("a"), Sealed: sealed})
	if !errors.Is(err, device.ErrKeyNotFound) {
		t.Errorf("decrypt: got %v, want ErrKeyNotFound", err)
	}
	if err := tok.CheckKey(ctx, key.ID, device.PurposeWrap, device.OriginGenerated); !errors.Is(err, device.ErrKeyNotFound) {
		t.Errorf("check: got %v, want ErrKeyNotFound", err)
	}
}

func TestRequestsThatCannotBeRightAreRefused(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	key := newKey(t, tok)
	other := key
	other.Cipher.IV = device.IVAppended
	for name, req := range map[string]device.EncryptRequest{
		"no additional data":          {Key: key, Plaintext: []byte("x")},
		"a cipher that is not proved": {Key: other, AAD: []byte("a"), Plaintext: []byte("x")},
		"no cipher":                   {Key: device.Key{ID: key.ID}, AAD: []byte("a"), Plaintext: []byte("x")},
	} {
		if _, err := tok.Encrypt(ctx, req); !errors.Is(err, device.ErrUnsupported) {
			t.Errorf("%s: got %v, want ErrUnsupported", name, err)
		}
	}
	if _, err := tok.GenerateKey(ctx, device.KeySpec{Purpose: device.PurposeWrap}); err == nil {
		t.Error("a key without an id was made")
	}
	if _, err := tok.GenerateKey(ctx, device.KeySpec{ID: newID(t)}); err == nil {
		t.Error("a key without a purpose was made")
	}
}

func TestTheGuardDecidesLast(t *testing.T) {
	tok := hsmtest.New(t).Open(t)
	key := newKey(t, tok)
	no := errors.New("revoked")
	_, err := tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x"), Guard: func() error { return no }})
	if !errors.Is(err, no) || err.Error() != no.Error() {
		t.Errorf("encrypt: got %v", err)
	}
	sealed := seal(t, tok, key, "a", []byte("x"))
	_, err = tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("a"), Sealed: sealed, Guard: func() error {
		if tok.Status(ctx).Pool.InUse == 0 {
			t.Error("the guard was asked before there was a session")
		}
		return no
	}})
	if !errors.Is(err, no) || err.Error() != no.Error() {
		t.Errorf("decrypt: got %v", err)
	}
}

func TestTheInventoryTellsWhatThereIs(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	r := newRaw(t, token)
	key := newKey(t, tok)
	r.aes(nil, nil) // somebody's key, found by its label: not debris
	_, err := r.p.CreateObject(r.s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_DATA), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, "somebody's"), pkcs11.NewAttribute(pkcs11.CKA_VALUE, "data"),
	})
	r.must(err)
	all := inventory(t, tok)
	if len(all) != 3 {
		t.Fatalf("%d objects: %+v", len(all), all)
	}
	for _, o := range all {
		switch {
		case bytes.Equal(o.ID, key.ID[:]):
			if o.Label != "test key" || o.Class != "secret key" || o.KeyType != "AES" || !o.HasValue || !o.Attributes["SENSITIVE"] || o.Attributes["WRAP"] {
				t.Errorf("the key shows as %+v", o)
			}
			wantRefused(t, "a whole key", tok.DestroyDebris(ctx, o))
		case o.Class == "data":
			wantRefused(t, "somebody's data", tok.DestroyDebris(ctx, o))
		default:
			wantRefused(t, "a whole key without an id", tok.DestroyDebris(ctx, o))
		}
	}
	if n := len(inventory(t, tok)); n != 3 {
		t.Errorf("%d objects are left", n)
	}
}

func inventory(tb testing.TB, tok *hsm.Token) []device.Object {
	tb.Helper()
	all, err := tok.Inventory(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func newMAC(tb testing.TB, tok *hsm.Token) device.ObjectID {
	tb.Helper()
	id := newID(tb)
	c, err := tok.GenerateKey(ctx, device.KeySpec{ID: id, Label: "test mac", Purpose: device.PurposeMAC})
	if err != nil || c != (device.Cipher{}) {
		tb.Fatalf("make a MAC key: %+v, %v", c, err)
	}
	return id
}

func wantHas(tb testing.TB, tok *hsm.Token, id device.ObjectID, want bool) {
	tb.Helper()
	if has, err := tok.HasKey(ctx, id); err != nil || has != want {
		tb.Errorf("HasKey = %t, %v; want %t", has, err, want)
	}
}

func wantRefused(tb testing.TB, what string, err error) {
	tb.Helper()
	if !errors.Is(err, device.ErrUnsupported) {
		tb.Errorf("%s: got %v, want a refusal", what, err)
	}
}
