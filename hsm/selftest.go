package hsm

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// Check is the result of one self-test.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what the token did
}

// The self-tests that prove an IV policy.
const (
	nameFreshIV   = "every encryption has a fresh IV"
	nameRoundTrip = "a ciphertext opens again"
)

// selfTests run in this order, each on its own. They use session keys only.
var selfTests = []struct {
	name string
	run  func(*tester) (detail string, err error)
}{
	{"one session is seen by both layers", (*tester).sameSession},
	{"the session key has the attributes it was given", (*tester).attributes},
	{nameFreshIV, (*tester).freshIV},
	{nameRoundTrip, (*tester).roundTrip},
	{"other additional data is refused", (*tester).wrongAAD},
	{"an altered tag is refused", (*tester).flippedTag},
	{"AES-GCM agrees with another implementation", (*tester).knownAnswer},
	{"a sensitive key cannot be read", (*tester).notReadable},
	{"a non-extractable key cannot be wrapped", (*tester).notWrappable},
}

// SelfTest proves again what Open proved: how the token makes IVs, that it refuses altered data, that keys stay
// inside. The error is device.ErrUntrusted when the token broke a rule, and says which and what to do.
func (t *Token) SelfTest(ctx context.Context) error {
	_, err := t.selfTest(ctx)
	return err
}

func (t *Token) selfTest(ctx context.Context) ([]Check, error) {
	var checks []Check
	err := t.attempt(ctx, func(e *epoch) error {
		var results []Check
		err := t.once(ctx, use{epoch: e, calls: selfTestCalls, run: func(s *session) error {
			// Session keys that died with a logout of somebody else's are made anew, and no fault of the token.
			if err := t.openProbeCanary(s, e); classIn(err) == ClassStale {
				return err
			}
			var err error
			results, err = t.runSelfTests(s, e)
			return err
		}})
		// After an error of the token the flight has landed, unless its caller left: then nobody may look.
		if err == nil || classIn(err) != 0 {
			checks = results
		}
		return err
	})
	if err != nil {
		return checks, err
	}
	return checks, verdict(t.info.Label, checks)
}

// runSelfTests runs inside the module. The error is the token's; what it did wrong is in the checks.
func (t *Token) runSelfTests(s *session, e *epoch) ([]Check, error) {
	x := &tester{t: t, s: s, e: e}
	results := make([]Check, 0, len(selfTests))
	for _, test := range selfTests {
		detail, err := test.run(x)
		results = append(results, checkOf(test.name, detail, err))
		if err != nil && !keeps(err) {
			return results, err
		}
	}
	return results, nil
}

// selfTestCalls is how many slow calls a self-test may take.
const selfTestCalls = 6

func checkOf(name, detail string, err error) Check {
	if err != nil {
		return Check{Name: name, Detail: strings.TrimPrefix(err.Error(), device.ErrUntrusted.Error()+": ")}
	}
	return Check{Name: name, OK: true, Detail: detail}
}

// verdict is device.ErrUntrusted when a check failed.
func verdict(token string, checks []Check) error {
	var broken []string
	for _, c := range checks {
		if !c.OK {
			broken = append(broken, c.Name+": "+c.Detail)
		}
	}
	if len(broken) == 0 {
		return nil
	}
	return untrusted("the token %q failed its self-test, so no key of it is used (%s); run `keyhold hsm probe` and choose "+
		"another profile or token", token, strings.Join(broken, "; "))
}

// tester is one run of the self-tests.
type tester struct {
	t *Token
	s *session
	e *epoch
}

func (x *tester) seal(text []byte) (device.Sealed, error) {
	return x.t.seal(x.s, x.t.cipher, x.e.probes.cipherKey, bytes.Clone(probeAAD), bytes.Clone(text))
}

func (x *tester) open(aad []byte, s device.Sealed) ([]byte, error) {
	return x.t.open(x.s, x.t.cipher, x.e.probes.cipherKey, aad, s)
}

func (x *tester) sameSession() (string, error) {
	return "session, library and mechanism look the same through both", x.t.sameView(x.s)
}

func (x *tester) attributes() (string, error) {
	err := x.t.readBack(x.s, x.e, x.e.probes.cipherKey, expectation{purpose: device.PurposeWrap, origin: device.OriginGenerated})
	return "every attribute reads back as set", err
}

func (x *tester) freshIV() (string, error) {
	first, err := x.seal(probeText)
	if err != nil {
		return "", err
	}
	second, err := x.seal(probeText)
	if err != nil {
		return "", err
	}
	if problem := badIV(first.IV, nil); problem != "" {
		return "", untrusted("%s (IV policy %s)", problem, x.t.cipher.IV)
	}
	if problem := badIV(second.IV, first.IV); problem != "" {
		return "", untrusted("%s (IV policy %s)", problem, x.t.cipher.IV)
	}
	if bytes.Equal(first.Ciphertext, second.Ciphertext) {
		return "", untrusted("two encryptions of one text under IV policy %s gave one ciphertext", x.t.cipher.IV)
	}
	return fmt.Sprintf("two IVs of %d octets differ, %s", len(first.IV), x.t.cipher.IV), nil
}

func (x *tester) roundTrip() (string, error) {
	for _, text := range [][]byte{probeText, {}} {
		sealed, err := x.seal(text)
		if err != nil {
			return "", err
		}
		got, err := x.open(bytes.Clone(probeAAD), sealed)
		if err != nil {
			return "", err
		}
		if !bytes.Equal(got, text) {
			return "", untrusted("a ciphertext of %d octets opened to another text", len(text))
		}
	}
	return fmt.Sprintf("%d and 0 octets, tag of %d octets", len(probeText), device.TagSize), nil
}

func (x *tester) wrongAAD() (string, error) {
	sealed, err := x.seal(probeText)
	if err != nil {
		return "", err
	}
	return x.mustRefuse("a ciphertext with other additional data", append(bytes.Clone(probeAAD), 'x'), sealed)
}

func (x *tester) flippedTag() (string, error) {
	sealed, err := x.seal(probeText)
	if err != nil {
		return "", err
	}
	sealed.Ciphertext[len(sealed.Ciphertext)-1] ^= 1
	return x.mustRefuse("a ciphertext with one bit of its tag flipped", bytes.Clone(probeAAD), sealed)
}

// mustRefuse wants an error, and one that reads as refused data: directly or because the canary opens right after.
func (x *tester) mustRefuse(what string, aad []byte, s device.Sealed) (string, error) {
	plaintext, err := x.open(aad, s)
	if err == nil {
		secret.Wipe(plaintext)
		return "", untrusted("the token opened %s", what)
	}
	answer := err.Error()
	if classIn(err) == ClassAmbiguous {
		err = x.t.judge(x.s, x.e, 0, device.Key{}, err)
	}
	if !errors.Is(err, device.ErrInvalidData) {
		return "", err
	}
	return "answered with " + answer, nil
}

// knownAnswer opens the token's ciphertext with crypto/cipher, under a key whose value is known to both.
func (x *tester) knownAnswer() (string, error) {
	value := make([]byte, keySize)
	_, _ = rand.Read(value)
	defer secret.Wipe(value)
	template := sessionAES(map[uint]bool{pkcs11.CKA_SENSITIVE: true, pkcs11.CKA_ENCRYPT: true, pkcs11.CKA_DECRYPT: true})
	template = append(without(template, pkcs11.CKA_VALUE_LEN), pkcs11.NewAttribute(pkcs11.CKA_VALUE, value))
	h, err := x.t.mod.p11.CreateObject(x.s.handle, template)
	if err := failed("C_CreateObject", err); err != nil {
		if class := classIn(err); class == ClassUnsupported || class == ClassArgument {
			return fmt.Sprintf("not tried: the token takes no key from outside (%v)", err), nil
		}
		return "", err
	}
	defer func() { _ = x.t.destroy(x.s, nil, h) }()
	sealed, err := x.t.seal(x.s, x.t.cipher, h, bytes.Clone(probeAAD), bytes.Clone(probeText))
	if err != nil {
		return "", err
	}
	got, err := hostOpen(value, sealed)
	if err != nil || !bytes.Equal(got, probeText) {
		return "", untrusted("crypto/cipher cannot open what the token sealed: it is not AES-256-GCM with a tag of 128 bits (%v)", err)
	}
	return "crypto/cipher opens what the token sealed", nil
}

func hostOpen(key []byte, s device.Sealed) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	var opened []byte
	// GODEBUG=fips140=only knows no GCM with an IV of somebody else's. This is a trial of the token by a known text and a
	// key that is destroyed; it protects nothing.
	fips140.WithoutEnforcement(func() {
		var gcm cipher.AEAD
		if gcm, err = cipher.NewGCMWithNonceSize(block, len(s.IV)); err == nil {
			opened, err = gcm.Open(nil, s.IV, s.Ciphertext, probeAAD)
		}
	})
	return opened, err
}

func without(template []*pkcs11.Attribute, kind uint) []*pkcs11.Attribute {
	kept := make([]*pkcs11.Attribute, 0, len(template))
	for _, a := range template {
		if a.Type != kind {
			kept = append(kept, a)
		}
	}
	return kept
}

func (x *tester) notReadable() (string, error) {
	return "reading CKA_VALUE is refused", x.t.mustNotRead(x.s, x.e.probes.cipherKey)
}

// notWrappable also shows that the refusal means something: the same wrapping key wraps an extractable key.
func (x *tester) notWrappable() (string, error) {
	if x.e.probes.wrapper == 0 {
		return "the token lists no key wrapping mechanism that is known", nil
	}
	if err := x.t.mustNotWrap(x.s, x.e, x.e.probes.cipherKey); err != nil {
		return "", err
	}
	works, err := x.workingWraps()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d mechanisms refuse it; of them %d wrap an extractable key", len(x.t.wraps), works), nil
}

func (x *tester) workingWraps() (int, error) {
	h, err := x.t.generate(x.s, pkcs11.CKM_AES_KEY_GEN, sessionAES(map[uint]bool{pkcs11.CKA_EXTRACTABLE: true, pkcs11.CKA_ENCRYPT: true}))
	if refusesTemplate(err) {
		return 0, nil // a token that makes no extractable key at all
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = x.t.destroy(x.s, nil, h) }()
	n := 0
	for _, mechanism := range x.t.wraps {
		wrapped, err := x.t.wrap(x.s, mechanism, x.e.probes.wrapper, h)
		secret.Wipe(wrapped)
		if err == nil {
			n++
		}
	}
	return n, nil
}
