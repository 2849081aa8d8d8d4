package hsm_test

import (
	"testing"

	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// raw is somebody else in this process who uses the same token: same library, same login, a session of its own. It is
// valid while a *hsm.Token of the token is open.
type raw struct {
	tb   testing.TB
	p    *pkcs11.Ctx
	slot uint
	s    pkcs11.SessionHandle
}

func newRaw(tb testing.TB, tok hsmtest.Token) *raw {
	tb.Helper()
	r := &raw{tb: tb, p: pkcs11.New(tok.Module)}
	if r.p == nil {
		tb.Fatal("load the module again")
	}
	slots, err := r.p.GetSlotList(true)
	r.must(err)
	for _, slot := range slots {
		info, err := r.p.GetTokenInfo(slot)
		r.must(err)
		if info.Label == tok.Label {
			r.slot = slot
			r.open()
			return r
		}
	}
	tb.Fatalf("no token %q", tok.Label)
	return nil
}

func (r *raw) must(err error) {
	r.tb.Helper()
	if err != nil {
		r.tb.Fatal(err)
	}
}

func (r *raw) open() {
	r.tb.Helper()
	var err error
	r.s, err = r.p.OpenSession(r.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	r.must(err)
}

func (r *raw) find(id device.ObjectID) []pkcs11.ObjectHandle {
	r.tb.Helper()
	r.must(r.p.FindObjectsInit(r.s, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, id[:])}))
	found, _, err := r.p.FindObjects(r.s, 10)
	r.must(err)
	r.must(r.p.FindObjectsFinal(r.s))
	return found
}

func (r *raw) destroy(id device.ObjectID) {
	r.tb.Helper()
	for _, h := range r.find(id) {
		r.must(r.p.DestroyObject(r.s, h))
	}
}

func (r *raw) flag(h pkcs11.ObjectHandle, kind uint) bool {
	r.tb.Helper()
	got, err := r.p.GetAttributeValue(r.s, h, []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
	r.must(err)
	return len(got[0].Value) == 1 && got[0].Value[0] == 1
}

// aes makes a token key by the good template with changes.
func (r *raw) aes(id []byte, changes map[uint]any) pkcs11.ObjectHandle {
	r.tb.Helper()
	attributes := map[uint]any{
		pkcs11.CKA_CLASS: pkcs11.CKO_SECRET_KEY, pkcs11.CKA_KEY_TYPE: pkcs11.CKK_AES, pkcs11.CKA_VALUE_LEN: 32,
		pkcs11.CKA_TOKEN: true, pkcs11.CKA_PRIVATE: true, pkcs11.CKA_SENSITIVE: true, pkcs11.CKA_EXTRACTABLE: false,
		pkcs11.CKA_ENCRYPT: true, pkcs11.CKA_DECRYPT: true, pkcs11.CKA_SIGN: false, pkcs11.CKA_VERIFY: false,
		pkcs11.CKA_WRAP: false, pkcs11.CKA_UNWRAP: false, pkcs11.CKA_DERIVE: false,
		pkcs11.CKA_MODIFIABLE: false, pkcs11.CKA_COPYABLE: false,
		pkcs11.CKA_ALLOWED_MECHANISMS: []byte{0x87, 0x10, 0, 0, 0, 0, 0, 0},
	}
	if id != nil {
		attributes[pkcs11.CKA_ID] = id
	}
	for kind, value := range changes {
		attributes[kind] = value
	}
	var template []*pkcs11.Attribute
	for kind, value := range attributes {
		template = append(template, pkcs11.NewAttribute(kind, value))
	}
	h, err := r.p.GenerateKey(r.s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, template)
	r.must(err)
	return h
}
