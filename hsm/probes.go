package hsm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// probes are session keys on the anchor session, made at each login, that the package proves things with. They never
// meet a caller's data.
type probes struct {
	cipherKey pkcs11.ObjectHandle // has the template of a wrap key
	canary    device.Sealed       // under cipherKey
	wrapper   pkcs11.ObjectHandle // may wrap and nothing else, so that it cannot open what it wraps
}

var probeAAD = []byte("keyhold session key canary v1\x00")

var probeText = []byte("keyhold probe: 32 octets of text")

// makeProbes makes the session keys. Which optional attributes the token accepts is found out the first time.
func (t *Token) makeProbes(r *renewal) (probes, error) {
	var p probes
	var err error
	s, settled := r.anchor, r.settled
	if p.cipherKey, err = t.makeCipherKey(r); err != nil {
		return p, err
	}
	if !settled {
		if err = t.settleMACOptions(r); err != nil {
			return p, err
		}
	}
	// Whether the IV is good is the self-test's business: here it only has to open again.
	if p.canary, err = t.seal(s, t.cipher, p.cipherKey, bytes.Clone(probeAAD), bytes.Clone(probeText)); err != nil {
		return p, fmt.Errorf("encrypt for the first time by profile %s, IV policy %s: %w (`keyhold hsm probe` tries the other IV policies)",
			t.prof.name, t.cipher.IV, err)
	}
	p.wrapper, err = t.makeWrapper(s)
	return p, err
}

// makeCipherKey makes a session key by the template of a wrap key, with fewer optional attributes each time that the
// token refuses the template.
func (t *Token) makeCipherKey(r *renewal) (pkcs11.ObjectHandle, error) {
	kind, err := t.kindOf(device.PurposeWrap)
	if err != nil {
		return 0, err
	}
	for {
		h, err := t.generate(r.anchor, kind.generator, kind.template(device.PurposeWrap, r.options, false))
		if err == nil || !refusesTemplate(err) || r.settled {
			r.settled = r.settled || err == nil
			return h, err
		}
		switch {
		case r.options.AllowedMechanisms:
			r.options.AllowedMechanisms = false
		case r.options.Frozen:
			r.options.Frozen = false
		default:
			return 0, err
		}
	}
}

// settleMACOptions finds out whether a MAC key's template may name the usages of ciphers: CloudHSM's table of attributes
// does not have them for generic secrets, and says that naming such an attribute is an error. A token without MAC keys
// is told by the first birth.
func (t *Token) settleMACOptions(r *renewal) error {
	kind, err := t.kindOf(device.PurposeMAC)
	if err != nil {
		return err
	}
	h, err := t.generate(r.anchor, kind.generator, kind.template(device.PurposeMAC, r.options, false))
	switch {
	case err == nil:
		return t.destroy(r.anchor, nil, h)
	case refusesTemplate(err):
		r.options.MACUsages = false
		return nil
	case classIn(err) == ClassUnsupported:
		return nil
	default:
		return err
	}
}

func refusesTemplate(err error) bool {
	return isOneOf(err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID, pkcs11.CKR_ATTRIBUTE_READ_ONLY,
		pkcs11.CKR_TEMPLATE_INCONSISTENT, pkcs11.CKR_ARGUMENTS_BAD)
}

func (t *Token) generate(s *session, generator uint, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	h, err := t.mod.p11.GenerateKey(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(generator, nil)}, template)
	return h, failed("C_GenerateKey", err)
}

// makeWrapper makes the key that others must refuse to be wrapped under; 0 where the token can wrap by no mechanism.
func (t *Token) makeWrapper(s *session) (pkcs11.ObjectHandle, error) {
	if len(t.wraps) == 0 {
		return 0, nil
	}
	return t.generate(s, pkcs11.CKM_AES_KEY_GEN, sessionAES(map[uint]bool{pkcs11.CKA_WRAP: true, pkcs11.CKA_SENSITIVE: true}))
}

// sessionAES is a template with every usage false but those that are set.
func sessionAES(set map[uint]bool) []*pkcs11.Attribute {
	as := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, keySize),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
	}
	for _, kind := range []uint{pkcs11.CKA_SENSITIVE, pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT,
		pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY, pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_DERIVE} {
		as = append(as, pkcs11.NewAttribute(kind, set[kind]))
	}
	return as
}

// openProbeCanary proves that the token decrypts now, and that nobody has logged out since the epoch began: that would
// have destroyed the session key (PKCS #11 2.40, C_Logout).
func (t *Token) openProbeCanary(s *session, e *epoch) error {
	plaintext, err := t.open(s, t.cipher, e.probes.cipherKey, bytes.Clone(probeAAD), cloneSealed(e.probes.canary))
	if classIn(err) == ClassStale {
		e.over.Store(true)
	}
	if err != nil {
		return err
	}
	defer secret.Wipe(plaintext)
	if !bytes.Equal(plaintext, probeText) {
		return untrusted("a session key opened its own canary to something else")
	}
	return nil
}

// mustNotRead tries to read a key's value.
func (t *Token) mustNotRead(s *session, key pkcs11.ObjectHandle) error {
	value, err := t.attribute(s, key, pkcs11.CKA_VALUE)
	switch {
	case err == nil && len(value) == 0:
		return nil // some tokens answer OK with no octets, or CK_UNAVAILABLE_INFORMATION
	case err == nil:
		secret.Wipe(value)
		return untrusted("the token let CKA_VALUE of a sensitive key be read (%d octets)", len(value))
	case isOneOf(err, pkcs11.CKR_ATTRIBUTE_SENSITIVE, ckrActionProhibited):
		return nil
	case isOneOf(err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID):
		return errNoValue
	default:
		return err
	}
}

// errNoValue is what a half-made object answers: SoftHSM leaves such when it is killed in C_GenerateKey.
var errNoValue = errors.Join(device.ErrUntrusted, errors.New("the object has no CKA_VALUE at all: it is half made"))
