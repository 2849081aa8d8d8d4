package hsm

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

var classNames = map[uint]string{
	pkcs11.CKO_DATA: "data", pkcs11.CKO_CERTIFICATE: "certificate", pkcs11.CKO_PUBLIC_KEY: "public key",
	pkcs11.CKO_PRIVATE_KEY: "private key", pkcs11.CKO_SECRET_KEY: secretKeyClass, pkcs11.CKO_HW_FEATURE: "hardware feature",
	pkcs11.CKO_DOMAIN_PARAMETERS: "domain parameters", pkcs11.CKO_MECHANISM: "mechanism",
}

const (
	secretKeyClass = "secret key"
	unknownClass   = "unknown"
)

var keyTypeNames = map[uint]string{
	pkcs11.CKK_RSA: "RSA", pkcs11.CKK_DSA: "DSA", pkcs11.CKK_DH: "DH", pkcs11.CKK_EC: "EC",
	pkcs11.CKK_GENERIC_SECRET: "generic secret", pkcs11.CKK_DES3: "3DES", pkcs11.CKK_AES: "AES",
	pkcs11.CKK_SHA256_HMAC: "HMAC-SHA256", ckkECEdwards: "EC Edwards",
}

// ckkECEdwards is PKCS #11 3.0, which miekg/pkcs11 lacks.
const ckkECEdwards = 0x40

// reportedFlags are the boolean attributes of an inventory.
var reportedFlags = []flagRule{
	{name: "PRIVATE", kind: pkcs11.CKA_PRIVATE}, {name: "SENSITIVE", kind: pkcs11.CKA_SENSITIVE},
	{name: "EXTRACTABLE", kind: pkcs11.CKA_EXTRACTABLE}, {name: "ENCRYPT", kind: pkcs11.CKA_ENCRYPT},
	{name: "DECRYPT", kind: pkcs11.CKA_DECRYPT}, {name: "SIGN", kind: pkcs11.CKA_SIGN},
	{name: "VERIFY", kind: pkcs11.CKA_VERIFY}, {name: "WRAP", kind: pkcs11.CKA_WRAP},
	{name: "UNWRAP", kind: pkcs11.CKA_UNWRAP}, {name: "DERIVE", kind: pkcs11.CKA_DERIVE},
	{name: "MODIFIABLE", kind: pkcs11.CKA_MODIFIABLE}, {name: "COPYABLE", kind: pkcs11.CKA_COPYABLE},
	{name: "LOCAL", kind: pkcs11.CKA_LOCAL}, {name: "ALWAYS_SENSITIVE", kind: pkcs11.CKA_ALWAYS_SENSITIVE},
	{name: "NEVER_EXTRACTABLE", kind: pkcs11.CKA_NEVER_EXTRACTABLE},
}

// inventoryBatch is how many objects are read in one flight, so that a full token takes many short ones.
const inventoryBatch = 64

// Inventory lists every token object that the login can see, in the token's order. Objects that disappear meanwhile
// are left out.
func (t *Token) Inventory(ctx context.Context) ([]device.Object, error) {
	var all []device.Object
	err := t.attempt(ctx, func(e *epoch) error {
		handles, err := t.listHandles(ctx, e)
		if err != nil {
			return err
		}
		all, err = t.readObjects(ctx, e, handles)
		return err
	})
	return all, err
}

// HalfMade lists the half-made objects of a token that is known to leave some behind; it never reads whole keys, so that
// it costs two listings however many there are. On other tokens it lists none: there only an inventory finds them.
func (t *Token) HalfMade(ctx context.Context) ([]device.Object, error) {
	if !t.prof.valueLast {
		return nil, ctx.Err()
	}
	var half []device.Object
	err := t.attempt(ctx, func(e *epoch) error {
		doubtful, err := t.listDoubtful(ctx, e)
		if err != nil {
			return err
		}
		half, err = t.readObjects(ctx, e, doubtful)
		return err
	})
	half = slices.DeleteFunc(half, func(o device.Object) bool { return !o.HalfMade() })
	return half, err
}

// listDoubtful lists what is not LOCAL, which a generated key becomes together with its value.
func (t *Token) listDoubtful(ctx context.Context, e *epoch) ([]pkcs11.ObjectHandle, error) {
	handles, err := t.listHandles(ctx, e)
	if err != nil {
		return nil, err
	}
	whole, err := t.listHandles(ctx, e, pkcs11.NewAttribute(pkcs11.CKA_LOCAL, true))
	if err != nil {
		return nil, err
	}
	known := make(map[pkcs11.ObjectHandle]bool, len(whole))
	for _, h := range whole {
		known[h] = true
	}
	return slices.DeleteFunc(handles, func(h pkcs11.ObjectHandle) bool { return known[h] }), nil
}

// listHandles lists everything when it has no template: a half-made object may lack any attribute.
func (t *Token) listHandles(ctx context.Context, e *epoch, template ...*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	var handles []pkcs11.ObjectHandle
	err := t.once(ctx, use{epoch: e, calls: 2, run: func(s *session) error {
		var err error
		if handles, err = t.find(s, template...); err != nil {
			return err
		}
		return t.proveAlive(s, e)
	}})
	if err != nil {
		return nil, err
	}
	return handles, nil
}

func (t *Token) readObjects(ctx context.Context, e *epoch, handles []pkcs11.ObjectHandle) ([]device.Object, error) {
	var all []device.Object
	for batch := range slices.Chunk(handles, inventoryBatch) {
		some, err := t.readBatch(ctx, e, batch)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (t *Token) readBatch(ctx context.Context, e *epoch, handles []pkcs11.ObjectHandle) ([]device.Object, error) {
	var objects []device.Object
	err := t.once(ctx, use{epoch: e, calls: 2, run: func(s *session) error {
		for _, h := range handles {
			o, isToken, err := t.readObject(s, h)
			if err != nil && t.vanished(s, e, h, err) {
				continue
			}
			if err != nil {
				return err
			}
			if isToken {
				o.Login = e.number
				objects = append(objects, o)
			}
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return objects, nil
}

// vanished tells that an object could not be read because it is gone. SoftHSM answers CKR_GENERAL_ERROR about an object
// that is being destroyed; what a healthy token no longer lists was that, and no fault of the token.
func (t *Token) vanished(s *session, e *epoch, h pkcs11.ObjectHandle, err error) bool {
	if isOneOf(err, pkcs11.CKR_OBJECT_HANDLE_INVALID) {
		return true
	}
	if !isOneOf(err, pkcs11.CKR_GENERAL_ERROR) {
		return false
	}
	left, err := t.find(s)
	return err == nil && !slices.Contains(left, h) && t.proveAlive(s, e) == nil
}

// readObject describes one object; false for a session object.
func (t *Token) readObject(s *session, h pkcs11.ObjectHandle) (device.Object, bool, error) {
	r := objectReader{t: t, s: s, h: h}
	o := device.Object{
		ID:         r.octets(pkcs11.CKA_ID),
		Label:      string(r.octets(pkcs11.CKA_LABEL)),
		Class:      r.name(pkcs11.CKA_CLASS, classNames, unknownClass),
		Attributes: map[string]bool{},
		Handle:     uint64(h),
	}
	o.KeyType = r.name(pkcs11.CKA_KEY_TYPE, keyTypeNames, "")
	for _, f := range reportedFlags {
		if value, ok := r.flag(f.kind); ok {
			o.Attributes[f.name] = value
		}
	}
	o.HasValue = r.hasValue(o)
	isToken, known := r.flag(pkcs11.CKA_TOKEN)
	// An object that SoftHSM had not yet told to be a token object has no value either.
	return o, isToken || !known || (t.prof.valueLast && !o.HasValue), r.err
}

// objectReader reads attributes of one object; the first real error stays and ends the reading.
type objectReader struct {
	t   *Token
	s   *session
	h   pkcs11.ObjectHandle
	err error
}

// octets is an attribute's value; nil when the object has none or hides it.
func (r *objectReader) octets(kind uint) []byte {
	value, _ := r.read(kind)
	return value
}

// read tells apart what is absent from what is present but hidden.
func (r *objectReader) read(kind uint) (value []byte, present bool) {
	if r.err != nil {
		return nil, false
	}
	value, err := r.t.attribute(r.s, r.h, kind)
	switch {
	case err == nil:
		return value, true
	case isOneOf(err, pkcs11.CKR_ATTRIBUTE_SENSITIVE):
		return nil, true
	case isOneOf(err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID):
		return nil, false // the latter is SoftHSM's answer for an empty object file
	default:
		r.err = err
		return nil, false
	}
}

func (r *objectReader) flag(kind uint) (value, known bool) {
	b := r.octets(kind)
	return len(b) == 1 && b[0] != 0, len(b) == 1
}

func (r *objectReader) name(kind uint, names map[uint]string, otherwise string) string {
	n, ok := ulong(r.octets(kind))
	if !ok {
		return otherwise
	}
	if name, ok := names[n]; ok {
		return name
	}
	if otherwise == "" {
		return fmt.Sprintf("0x%X", n)
	}
	return otherwise
}

// hasValue asks for the attribute that is the key. Public objects always count as whole: it is no loss to keep one.
func (r *objectReader) hasValue(o device.Object) bool {
	switch {
	case o.Class == "private key" && o.KeyType == "RSA":
		_, present := r.read(pkcs11.CKA_PRIVATE_EXPONENT)
		return present
	case o.Class == secretKeyClass || o.Class == "private key" || o.Class == unknownClass:
		value, present := r.read(pkcs11.CKA_VALUE)
		return present && (len(value) > 0 || !r.unfinished(o))
	default:
		return true
	}
}

// unfinished tells a key that hides its value from one that was never given any, on tokens that write it last. A whole
// key there is either LOCAL or has a check value or, when it was unwrapped, is neither ALWAYS_SENSITIVE nor
// NEVER_EXTRACTABLE (measured on SoftHSM 2.6.1 by killing it some hundred times in C_GenerateKey).
func (r *objectReader) unfinished(o device.Object) bool {
	if !r.t.prof.valueLast || o.Attributes["LOCAL"] {
		return false
	}
	if never, known := o.Attributes["NEVER_EXTRACTABLE"]; known && !never {
		return false
	}
	check, present := r.read(pkcs11.CKA_CHECK_VALUE)
	if !present || len(check) > 0 {
		return false
	}
	return o.Attributes["ALWAYS_SENSITIVE"] || len(o.ID) == 0
}

// DestroyDebris destroys a half-made object of an inventory: a secret key, or an object whose class is unknown, that
// has no value. It reads the object again and refuses, with device.ErrUnsupported, any other, and one that is
// not what the inventory saw. nil as well when it has gone meanwhile.
func (t *Token) DestroyDebris(ctx context.Context, o device.Object) error {
	return t.attempt(ctx, func(*epoch) error {
		return t.alone(ctx, birthCalls, func(s *session, e *epoch) error {
			// A handle of an earlier login means nothing, or another object: the token's answers about it are no evidence.
			if o.Login != e.number {
				return unsupported("the token was logged in to anew since the inventory; take a new inventory")
			}
			h := pkcs11.ObjectHandle(o.Handle)
			now, isToken, err := t.readObject(s, h)
			if isOneOf(err, pkcs11.CKR_OBJECT_HANDLE_INVALID) {
				return t.proveAlive(s, e)
			}
			if err != nil {
				return err
			}
			if !isToken || !sameObject(now, o) {
				return unsupported("the object with handle %d is not the one of the inventory; take a new inventory", o.Handle)
			}
			if !now.HalfMade() {
				return unsupported("the object %q is whole, or no secret key: it is not debris", o.Label)
			}
			return t.destroy(s, e, h)
		})
	})
}

func sameObject(a, b device.Object) bool {
	return bytes.Equal(a.ID, b.ID) && a.Label == b.Label && a.Class == b.Class && a.KeyType == b.KeyType
}
