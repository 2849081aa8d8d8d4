package kms

import (
	"context"

	"github.com/keyhold/keyhold/kms/device"
)

// Device is what the core needs from a token. Every method may be called concurrently, ends no later than its
// context or the device's own deadline, and returns errors of the classes of package device. hsm.Token satisfies it
// by shape; kmstest has a fake with real cryptography and the contract suite TestDevice.
type Device interface {
	// Name is the token's label, stored with each generation made there.
	Name() string
	// Exclusive tells that nobody but this Keyhold keeps objects in the token, so that debris may be removed unasked.
	Exclusive() bool
	// Random fills p from the token's generator.
	Random(ctx context.Context, p []byte) error
	// Encrypt seals under an AES-256 key of the token with a fresh IV and a 128-bit tag.
	Encrypt(ctx context.Context, req device.EncryptRequest) (device.Sealed, error)
	// Decrypt opens what Encrypt sealed. A refused ciphertext is device.ErrInvalidData, and only ever that.
	Decrypt(ctx context.Context, req device.DecryptRequest) ([]byte, error)
	// MAC is HMAC-SHA256 (32 octets) under a key of purpose PurposeMAC.
	MAC(ctx context.Context, id device.ObjectID, message []byte) ([]byte, error)
	// GenerateKey makes a token key and reads its attributes back; a key that breaks a rule is destroyed again and
	// the answer is device.ErrUntrusted. An id already in use is refused. After any other error the object may or
	// may not exist: the caller recorded the id beforehand and settles it with DestroyKey. The Cipher is zero for
	// PurposeMAC.
	GenerateKey(ctx context.Context, spec device.KeySpec) (device.Cipher, error)
	// CheckKey repeats the read-back: attributes by origin, not readable, not wrappable.
	CheckKey(ctx context.Context, id device.ObjectID, purpose device.Purpose, origin device.Origin) error
	// HasKey tells whether an object has this id. It answers false only when the token was seen to be alive and
	// logged in, else device.ErrUnavailable.
	HasKey(ctx context.Context, id device.ObjectID) (bool, error)
	// DestroyKey destroys every object with this id; nil when there is none, by HasKey's standard of evidence.
	DestroyKey(ctx context.Context, id device.ObjectID) error
	// Inventory lists every object of the token.
	Inventory(ctx context.Context) ([]device.Object, error)
	// HalfMade lists half-made objects for no more than the token's listings cost: those that Inventory has of a token
	// that leaves some behind unasked, and none of any other.
	HalfMade(ctx context.Context) ([]device.Object, error)
	// DestroyDebris destroys a half-made object of an inventory: a secret key, or an object of unknown class, without a
	// value. It refuses others.
	DestroyDebris(ctx context.Context, o device.Object) error
}
