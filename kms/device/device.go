// Package device is the vocabulary between the core and a token: object ids, ciphers, attributes, requests and the
// classes of failure. It knows neither PKCS#11 nor the core, so that both can speak it.
package device

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// ObjectID is the CKA_ID of a token object that Keyhold made: 16 random octets, recorded before the object exists.
type ObjectID [16]byte

// NewObjectID draws an id from r, usually crypto/rand.Reader.
func NewObjectID(r io.Reader) (ObjectID, error) {
	var id ObjectID
	if _, err := io.ReadFull(r, id[:]); err != nil {
		return ObjectID{}, fmt.Errorf("draw an object id: %w", err)
	}
	return id, nil
}

// String writes the id as 32 lower-case hexadecimal digits.
func (id ObjectID) String() string { return hex.EncodeToString(id[:]) }

// IsZero tells an unset id.
func (id ObjectID) IsZero() bool { return id == ObjectID{} }

// IVPolicy says who makes the AES-GCM initialisation vector. It is a capability of a token that is verified before
// use: a token that ignores the policy would encrypt every message under one IV.
type IVPolicy int

// The IV policies. Their numbers are stored, never reuse one.
const (
	IVHostRandom  IVPolicy = 1 // the host draws 12 random octets (SP 800-38D 8.2.2)
	IVWrittenBack IVPolicy = 2 // the host passes 12 zero octets, the token writes its own IV there (AWS CloudHSM)
	IVPrepended   IVPolicy = 3 // the token puts its 12-octet IV before the ciphertext (AWS CloudHSM, vendor mechanism)
	IVAppended    IVPolicy = 4 // the token puts its 16-octet IV after the tag (Thales Luna in FIPS mode)
)

var ivPolicyNames = map[IVPolicy]string{
	IVHostRandom: "host-random", IVWrittenBack: "written-back", IVPrepended: "prepended", IVAppended: "appended",
}

// String is the policy's name in configuration and reports.
func (p IVPolicy) String() string {
	if name, ok := ivPolicyNames[p]; ok {
		return name
	}
	return fmt.Sprintf("iv-policy(%d)", int(p))
}

// ParseIVPolicy reads a name that String writes.
func ParseIVPolicy(name string) (IVPolicy, error) {
	for p, n := range ivPolicyNames {
		if n == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("IV policy %q: want host-random, written-back, prepended or appended", name)
}

// Cipher is how one generation encrypts; it is stored with the generation and never changes.
type Cipher struct {
	Mechanism uint64 // CK_MECHANISM_TYPE of the AES-GCM mechanism, 0x1087 for CKM_AES_GCM
	IV        IVPolicy
}

// TagSize is the length in octets of the only authentication tag in use.
const TagSize = 16

// Sealed is one AES-GCM ciphertext. IV is 12 octets, or 16 where the token insists; Ciphertext ends with the tag.
type Sealed struct {
	IV         []byte
	Ciphertext []byte
}

// Key names an AES-256 key of the token as its stored row describes it.
type Key struct {
	ID     ObjectID
	Cipher Cipher
	// Canary is a ciphertext under this key with CanaryAAD; a decrypt failure that the token's error code leaves
	// ambiguous is decided by opening it. Zero while the key is being born.
	Canary Sealed
}

// CanaryAAD is the additional authenticated data of every canary for the key with the given id. It cannot be that of
// a ciphertext blob, which begins with FF FF.
func CanaryAAD(id ObjectID) []byte { return append([]byte("keyhold canary v1\x00"), id[:]...) }

// EncryptRequest asks for one encryption. AAD must not be empty. Guard, when set, runs after a session has been
// obtained and immediately before the token is called; its error is returned as it is and nothing is encrypted.
type EncryptRequest struct {
	Key       Key
	AAD       []byte
	Plaintext []byte
	Guard     func() error
}

// DecryptRequest asks for one decryption; see EncryptRequest for AAD and Guard.
type DecryptRequest struct {
	Key    Key
	AAD    []byte
	Sealed Sealed
	Guard  func() error
}

// Origin says where a key's value came from, which decides what read-back must find.
type Origin int

// The origins.
const (
	OriginGenerated Origin = iota + 1 // C_GenerateKey in the token: LOCAL, ALWAYS_SENSITIVE, NEVER_EXTRACTABLE
	OriginImported                    // unwrapped or created: SENSITIVE and not EXTRACTABLE only
)

// Purpose is the one thing a key may be used for.
type Purpose int

// The purposes.
const (
	PurposeWrap Purpose = iota + 1 // AES-256, ENCRYPT and DECRYPT only: a master key generation
	PurposeMAC                     // generic secret of 32 octets, SIGN and VERIFY only: authenticates stored rows
)

// String is the purpose's name in reports.
func (p Purpose) String() string {
	switch p {
	case PurposeWrap:
		return "encrypt/decrypt"
	case PurposeMAC:
		return "mac"
	default:
		return fmt.Sprintf("purpose(%d)", int(p))
	}
}

// KeySpec asks for a new token key. Label is for people; ID is what finds it again.
type KeySpec struct {
	ID      ObjectID
	Label   string
	Purpose Purpose
}

// Object is one token object as an inventory finds it.
type Object struct {
	ID         []byte // CKA_ID, empty when the object has none
	Label      string
	Class      string          // "secret key", "private key", "data", ... or "unknown"
	KeyType    string          // "AES", "generic secret", ... or ""
	HasValue   bool            // false for a half-made key: its CKA_VALUE is absent, not merely unreadable
	Attributes map[string]bool // the boolean attributes that the token reported, by name: "SENSITIVE", "WRAP", ...
	Handle     uint64          // valid until the next login; never stored
	Login      uint64          // the token's own number of the login that Handle is valid in; never stored
}

// HalfMade tells a key that nobody can use, and that may be removed: a secret key, or an object of unknown class, without
// a value. A whole key without an id is a stranger's, which its owner finds by its label.
func (o Object) HalfMade() bool {
	return (o.Class == "secret key" || o.Class == "unknown") && !o.HasValue
}

// The classes of failure. An implementation wraps exactly one of them (errors.Is) in each error it returns, apart
// from a Guard's own error and the context's.
var (
	// ErrInvalidData: the token, being healthy, refused the ciphertext (altered, or other AAD).
	ErrInvalidData = errors.New("the token refused the data")
	// ErrKeyNotFound: the token, seen to be healthy and logged in, has no object with this id.
	ErrKeyNotFound = errors.New("no such object in the token")
	// ErrUnavailable: the token or its module cannot be used now; the same request may succeed later.
	ErrUnavailable = errors.New("the token is unavailable")
	// ErrBusy: no session became free before the deadline.
	ErrBusy = errors.New("no token session became free in time")
	// ErrCapacity: the token has no room for another object.
	ErrCapacity = errors.New("the token is full")
	// ErrLogin: the token refused the PIN; never retried without an operator.
	ErrLogin = errors.New("the token refused the login")
	// ErrUntrusted: the token broke a rule that custody depends on; the key or the token is closed.
	ErrUntrusted = errors.New("the token cannot be trusted")
	// ErrUnsupported: the token or its profile has no such function.
	ErrUnsupported = errors.New("the token does not support this")
)
