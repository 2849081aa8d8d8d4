package hsm

import (
	"bytes"
	"context"
	"errors"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// expectation is what the read-back of one key must find.
type expectation struct {
	id      device.ObjectID // zero for a session key
	purpose device.Purpose
	origin  device.Origin
	token   bool
}

// readBack compares every attribute that custody depends on, and tries to get the key out. Any difference is
// device.ErrUntrusted with a sentence that says which.
func (t *Token) readBack(s *session, e *epoch, h pkcs11.ObjectHandle, x expectation) error {
	kind, err := t.kindOf(x.purpose)
	if err != nil {
		return err
	}
	if err := t.readNumbers(s, h, kind); err != nil {
		return err
	}
	for _, r := range t.rulesFor(x) {
		if err := t.readFlag(s, h, r); err != nil {
			return err
		}
	}
	if t.options.AllowedMechanisms {
		if err := t.readOctets(s, h, "ALLOWED_MECHANISMS", pkcs11.CKA_ALLOWED_MECHANISMS, ulongs(kind.mechanism)); err != nil {
			return err
		}
	}
	if x.token {
		if err := t.readOctets(s, h, "ID", pkcs11.CKA_ID, x.id[:]); err != nil {
			return err
		}
	}
	if err := t.mustNotRead(s, h); err != nil {
		return err
	}
	return t.mustNotWrap(s, e, h)
}

func (t *Token) rulesFor(x expectation) []flagRule {
	rules := append([]flagRule{{"TOKEN", pkcs11.CKA_TOKEN, x.token}}, flagRules(x.purpose, t.options)...)
	if x.origin == device.OriginGenerated && !t.prof.noHistory {
		rules = append(rules, historyRules...)
	}
	return rules
}

func (t *Token) readNumbers(s *session, h pkcs11.ObjectHandle, kind keyKind) error {
	for _, r := range []struct {
		name       string
		kind, want uint
	}{
		{"CLASS", pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY},
		{"KEY_TYPE", pkcs11.CKA_KEY_TYPE, kind.keyType},
		{"VALUE_LEN", pkcs11.CKA_VALUE_LEN, keySize},
	} {
		if err := t.readOctets(s, h, r.name, r.kind, ulongs(r.want)); err != nil {
			return err
		}
	}
	return nil
}

// halfMade tells the error of a read-back that found an object without its value.
func halfMade(err error) bool { return errors.Is(err, errNoValue) }

func (t *Token) readOctets(s *session, h pkcs11.ObjectHandle, name string, kind uint, want []byte) error {
	got, err := t.attribute(s, h, kind)
	if err := missing(name, err); err != nil {
		return err
	}
	if kind == pkcs11.CKA_VALUE_LEN && bytes.Equal(got, ulongs(0)) {
		return errNoValue
	}
	if !bytes.Equal(got, want) {
		return untrusted("CKA_%s of the key is %x where it must be %x", name, got, want)
	}
	return nil
}

func (t *Token) readFlag(s *session, h pkcs11.ObjectHandle, r flagRule) error {
	got, err := t.attribute(s, h, r.kind)
	if err := missing(r.name, err); err != nil {
		return err
	}
	if len(got) != 1 {
		return untrusted("CKA_%s of the key has %d octets where it must be one truth value", r.name, len(got))
	}
	if (got[0] != 0) != r.want {
		return untrusted("CKA_%s of the key is %t where it must be %t", r.name, got[0] != 0, r.want)
	}
	return nil
}

// missing turns the token's "no such attribute" into a verdict: a rule that cannot be checked does not hold.
func missing(name string, err error) error {
	if isOneOf(err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_SENSITIVE) {
		return untrusted("the token does not report CKA_%s of the key (%v)", name, err)
	}
	return err
}

// readBackCalls is how many slow calls a read-back may take: one for each attribute, of which most are quick.
const readBackCalls = 3

// CheckKey repeats the read-back of a key that exists: device.ErrUntrusted says which rule it breaks,
// device.ErrKeyNotFound that a healthy token does not have it.
func (t *Token) CheckKey(ctx context.Context, id device.ObjectID, purpose device.Purpose, origin device.Origin) error {
	return t.attempt(ctx, func(e *epoch) error {
		return t.once(ctx, use{epoch: e, calls: readBackCalls, run: func(s *session) error {
			h, err := t.one(s, e, id)
			if err != nil {
				return err
			}
			return t.readBack(s, e, h, expectation{id: id, purpose: purpose, origin: origin, token: true})
		}})
	})
}
