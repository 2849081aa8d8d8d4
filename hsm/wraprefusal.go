package hsm

import (
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// refusals are the answers that prove that a key cannot be wrapped (PKCS #11 2.40, 5.13.3).
var refusals = []uint{pkcs11.CKR_KEY_UNEXTRACTABLE, pkcs11.CKR_KEY_NOT_WRAPPABLE, pkcs11.CKR_ATTRIBUTE_SENSITIVE, ckrActionProhibited, ckrRejectedByPolicy}

// mustNotWrap tries to wrap a key by every wrapping mechanism of the token. Only a refusal of the key itself, or a
// mechanism that wraps no such key, is good: some libraries hand out non-extractable keys (NSS 3.87).
func (t *Token) mustNotWrap(s *session, e *epoch, key pkcs11.ObjectHandle) error {
	if e.probes.wrapper == 0 {
		return nil
	}
	for _, mechanism := range t.wraps {
		wrapped, err := t.wrap(s, mechanism, e.probes.wrapper, key)
		if err == nil {
			secret.Wipe(wrapped)
			return untrusted("the token wrapped a key with CKA_EXTRACTABLE false (mechanism 0x%X), so keys can leave it", mechanism)
		}
		if isOneOf(err, refusals...) || classIn(err) == ClassUnsupported || isOneOf(err, pkcs11.CKR_KEY_TYPE_INCONSISTENT) {
			continue
		}
		if isOneOf(err, pkcs11.CKR_WRAPPING_KEY_HANDLE_INVALID) {
			e.over.Store(true)
		}
		return err
	}
	return nil
}

func (t *Token) wrap(s *session, mechanism uint, wrapper, key pkcs11.ObjectHandle) ([]byte, error) {
	// The wrapping key wraps nothing of value, so that constant IVs do no harm.
	switch mechanism {
	case pkcs11.CKM_AES_GCM, ckmCloudHSMGCM:
		return t.wrapByGCM(s, mechanism, wrapper, key)
	case pkcs11.CKM_AES_CBC_PAD, pkcs11.CKM_AES_CBC:
		return t.wrapInto(s, mechanism, make([]byte, 16), wrapper, key)
	default:
		return t.wrapInto(s, mechanism, nil, wrapper, key)
	}
}

// wrappedRoom is more than any mechanism makes of a key of 32 octets.
const wrappedRoom = 256

func (t *Token) wrapInto(s *session, mechanism uint, parameter []byte, wrapper, key pkcs11.ObjectHandle) ([]byte, error) {
	out := make([]byte, wrappedRoom)
	n, err := t.mod.hot.wrap(uint(s.handle), mechanism, parameter, uint(wrapper), uint(key), out)
	return out[:n], err
}

func (t *Token) wrapByGCM(s *session, mechanism uint, wrapper, key pkcs11.ObjectHandle) ([]byte, error) {
	var iv []byte
	if mechanism == pkcs11.CKM_AES_GCM && layouts[t.cipher.IV].passIV {
		iv = make([]byte, ivSize) // zeros are what CloudHSM wants
	}
	p := pkcs11.NewGCMParams(iv, probeAAD, 8*device.TagSize)
	defer p.Free()
	wrapped, err := t.mod.p11.WrapKey(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, p)}, wrapper, key)
	return wrapped, failed("C_WrapKey", err)
}
