package hsm

import (
	"encoding/binary"
	"unsafe"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// keySize is the length in octets of every key that this package makes.
const keySize = 32

// TemplateOptions are the attributes that not every token accepts.
type TemplateOptions struct {
	Frozen            bool `json:"frozen"`            // CKA_MODIFIABLE and CKA_COPYABLE false
	AllowedMechanisms bool `json:"allowedMechanisms"` // CKA_ALLOWED_MECHANISMS
	MACUsages         bool `json:"macUsages"`         // the usages of ciphers, all false, in a MAC key
}

// flagRule is a boolean attribute and what it must be. Every usage is in the template, because what is left out
// defaults to true on most tokens (measured on SoftHSM 2.6.1, NSS 3.87 and openCryptoki 3.8).
type flagRule struct {
	name string
	kind uint
	want bool
}

// flagRules are the boolean attributes of a key of the purpose.
func flagRules(purpose device.Purpose, o TemplateOptions) []flagRule {
	wraps, macs := purpose == device.PurposeWrap, purpose == device.PurposeMAC
	rules := []flagRule{
		{"PRIVATE", pkcs11.CKA_PRIVATE, true},
		{"SENSITIVE", pkcs11.CKA_SENSITIVE, true},
		{"EXTRACTABLE", pkcs11.CKA_EXTRACTABLE, false},
		{"SIGN", pkcs11.CKA_SIGN, macs},
		{"VERIFY", pkcs11.CKA_VERIFY, macs},
		{"DERIVE", pkcs11.CKA_DERIVE, false},
	}
	// CloudHSM has these for AES keys only; a generic secret there cannot be named with them.
	if wraps || o.MACUsages {
		rules = append(rules, flagRule{"ENCRYPT", pkcs11.CKA_ENCRYPT, wraps}, flagRule{"DECRYPT", pkcs11.CKA_DECRYPT, wraps},
			flagRule{"WRAP", pkcs11.CKA_WRAP, false}, flagRule{"UNWRAP", pkcs11.CKA_UNWRAP, false})
	}
	if o.Frozen {
		rules = append(rules, flagRule{"MODIFIABLE", pkcs11.CKA_MODIFIABLE, false}, flagRule{"COPYABLE", pkcs11.CKA_COPYABLE, false})
	}
	return rules
}

// historyRules hold for generated keys besides; an imported key cannot have them.
var historyRules = []flagRule{
	{"LOCAL", pkcs11.CKA_LOCAL, true},
	{"ALWAYS_SENSITIVE", pkcs11.CKA_ALWAYS_SENSITIVE, true},
	{"NEVER_EXTRACTABLE", pkcs11.CKA_NEVER_EXTRACTABLE, true},
}

// keyKind is what a purpose means in PKCS #11.
type keyKind struct {
	keyType   uint
	generator uint
	mechanism uint // the only one that the key is for; for PurposeWrap the token's cipher says it
}

func (t *Token) kindOf(p device.Purpose) (keyKind, error) {
	switch p {
	case device.PurposeWrap:
		return keyKind{pkcs11.CKK_AES, pkcs11.CKM_AES_KEY_GEN, uint(t.cipher.Mechanism)}, nil
	case device.PurposeMAC:
		return keyKind{pkcs11.CKK_GENERIC_SECRET, pkcs11.CKM_GENERIC_SECRET_KEY_GEN, pkcs11.CKM_SHA256_HMAC}, nil
	default:
		return keyKind{}, unsupported("there is no key purpose %d", int(p))
	}
}

// template is the full explicit template of a key. Session keys have neither id nor label.
func (k keyKind) template(purpose device.Purpose, o TemplateOptions, token bool) []*pkcs11.Attribute {
	as := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, k.keyType),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, keySize),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, token),
	}
	for _, r := range flagRules(purpose, o) {
		as = append(as, pkcs11.NewAttribute(r.kind, r.want))
	}
	if o.AllowedMechanisms {
		as = append(as, pkcs11.NewAttribute(pkcs11.CKA_ALLOWED_MECHANISMS, ulongs(k.mechanism)))
	}
	return as
}

// ulongs is an array of CK_ULONG as the machine lays it out.
func ulongs(values ...uint) []byte {
	var b []byte
	for _, v := range values {
		if unsafe.Sizeof(v) == 8 {
			b = binary.NativeEndian.AppendUint64(b, uint64(v))
		} else {
			b = binary.NativeEndian.AppendUint32(b, uint32(v))
		}
	}
	return b
}

// ulong reads one CK_ULONG.
func ulong(b []byte) (uint, bool) {
	switch {
	case len(b) == 8 && ulongSize == 8:
		return uint(binary.NativeEndian.Uint64(b)), true
	case len(b) == 4 && ulongSize == 4:
		return uint(binary.NativeEndian.Uint32(b)), true
	default:
		return 0, false
	}
}
