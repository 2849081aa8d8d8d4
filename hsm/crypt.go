package hsm

import (
	"bytes"
	"context"
	"errors"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// macSize is the length in octets of HMAC-SHA256.
const macSize = 32

// Random fills p from the token's generator.
func (t *Token) Random(ctx context.Context, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	return t.attempt(ctx, func(*epoch) error {
		buf := make([]byte, len(p))
		err := t.once(ctx, use{
			run:  func(s *session) error { return t.mod.hot.random(uint(s.handle), buf) },
			late: func() { secret.Wipe(buf) },
		})
		if err == nil {
			copy(p, buf)
			secret.Wipe(buf)
		}
		return err
	})
}

// MAC is HMAC-SHA256 of message, 32 octets, under a key of purpose PurposeMAC.
func (t *Token) MAC(ctx context.Context, id device.ObjectID, message []byte) ([]byte, error) {
	if err := fits(len(message), t.prof.maxMAC); err != nil {
		return nil, err
	}
	var mac []byte
	err := t.withKey(ctx, id, nil, func(e *epoch, h pkcs11.ObjectHandle) use {
		in, out := bytes.Clone(message), make([]byte, macSize+slack)
		mac = out[:macSize:macSize]
		return use{
			input: in,
			run: func(s *session) error {
				n, err := t.mod.hot.sign(uint(s.handle), pkcs11.CKM_SHA256_HMAC, uint(h), in, out)
				if err == nil && n != macSize {
					return untrusted("HMAC-SHA256 gave %d octets instead of %d", n, macSize)
				}
				return err
			},
			late: func() { secret.Wipe(out) },
		}
	})
	if err != nil {
		return nil, err
	}
	return mac, nil
}

// Encrypt seals req.Plaintext under an AES-256 key of the token with a fresh IV and a 128-bit tag. The key's cipher
// must be the one that this token has proved itself with; to decrypt, any known cipher will do.
func (t *Token) Encrypt(ctx context.Context, req device.EncryptRequest) (device.Sealed, error) {
	if err := t.mayEncrypt(req); err != nil {
		return device.Sealed{}, err
	}
	var result *device.Sealed
	err := t.withKey(ctx, req.Key.ID, req.Guard, func(e *epoch, h pkcs11.ObjectHandle) use {
		sealed := new(device.Sealed)
		result = sealed
		aad, plaintext := bytes.Clone(req.AAD), bytes.Clone(req.Plaintext)
		return use{input: plaintext, run: func(s *session) error {
			var err error
			if *sealed, err = t.seal(s, req.Key.Cipher, h, aad, plaintext); err != nil {
				return err
			}
			return t.ivs.judge(req.Key.ID, req.Key.Cipher.IV, sealed.IV)
		}}
	})
	if err != nil {
		return device.Sealed{}, err
	}
	return *result, nil
}

func (t *Token) mayEncrypt(req device.EncryptRequest) error {
	if req.Key.Cipher != t.cipher {
		return unsupported("the key's cipher 0x%X/%s is not the one this token is verified for, 0x%X/%s",
			req.Key.Cipher.Mechanism, req.Key.Cipher.IV, t.cipher.Mechanism, t.cipher.IV)
	}
	if err := needAAD(req.AAD); err != nil {
		return err
	}
	if err := fits(len(req.Plaintext), t.prof.maxMessage); err != nil {
		return err
	}
	return t.ivs.allows(req.Key.ID)
}

// needAAD refuses empty additional data: builds of SoftHSM with C++ assertions abort on it (RHEL's; pull request
// 664 of SoftHSMv2).
func needAAD(aad []byte) error {
	if len(aad) == 0 {
		return unsupported("the additional authenticated data must not be empty")
	}
	return nil
}

// fits refuses what is more than one call takes; a limit of 0 is none.
func fits(size, limit int) error {
	if limit > 0 && size > limit {
		return unsupported("the token takes at most %d octets in one call, not %d", limit, size)
	}
	return nil
}

// Decrypt opens what Encrypt sealed. device.ErrInvalidData means that a token seen to be healthy refused it.
func (t *Token) Decrypt(ctx context.Context, req device.DecryptRequest) ([]byte, error) {
	if err := needAAD(req.AAD); err != nil {
		return nil, err
	}
	if _, err := openBuffers(req.Key.Cipher.IV, req.AAD, req.Sealed); err != nil {
		return nil, err
	}
	var result *[]byte
	err := t.withKey(ctx, req.Key.ID, req.Guard, func(e *epoch, h pkcs11.ObjectHandle) use {
		plaintext := new([]byte)
		result = plaintext
		own := ownDecrypt(req)
		return use{
			calls: 2, // with the canary
			run: func(s *session) error {
				var err error
				*plaintext, err = t.open(s, own.Key.Cipher, h, own.AAD, own.Sealed)
				if classIn(err) == ClassAmbiguous {
					return t.judge(s, e, h, own.Key, err)
				}
				return err
			},
			late: func() { secret.Wipe(*plaintext) },
		}
	})
	if err != nil {
		return nil, err
	}
	return *result, nil
}

// ownDecrypt copies the request's memory, so that the flight owns it.
func ownDecrypt(req device.DecryptRequest) device.DecryptRequest {
	req.AAD = bytes.Clone(req.AAD)
	req.Sealed = cloneSealed(req.Sealed)
	req.Key.Canary = cloneSealed(req.Key.Canary)
	return req
}

func cloneSealed(s device.Sealed) device.Sealed {
	return device.Sealed{IV: bytes.Clone(s.IV), Ciphertext: bytes.Clone(s.Ciphertext)}
}

// withKey runs one use of a key, with one retry after a repair. A handle that the token no longer takes, or that a
// failing token makes doubtful, is forgotten first.
func (t *Token) withKey(ctx context.Context, id device.ObjectID, guard func() error, plan func(*epoch, pkcs11.ObjectHandle) use) error {
	err := t.attempt(ctx, func(e *epoch) error {
		h, err := t.handle(ctx, e, id)
		if err != nil {
			return err
		}
		u := plan(e, h)
		u.guard, u.epoch = guard, e
		err = t.once(ctx, u)
		if class := classIn(err); class != 0 && class != ClassData {
			e.handles.drop(id, h)
			if class == ClassStale {
				t.counts.refinds.Add(1)
			}
		}
		return err
	})
	// From a handle that has just been found these are no race with a destruction any more.
	if isOneOf(err, pkcs11.CKR_KEY_TYPE_INCONSISTENT, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED) {
		return unsupported("the key %s is not for this use: %v", id, err)
	}
	return err
}

// seal is one encryption on a session. It owns its memory, and so must its caller.
func (t *Token) seal(s *session, c device.Cipher, key pkcs11.ObjectHandle, aad, plaintext []byte) (device.Sealed, error) {
	b, err := sealBuffers(c.IV, aad, plaintext)
	if err != nil {
		return device.Sealed{}, err
	}
	given := bytes.Clone(b.iv)
	n, err := t.mod.hot.gcm(encrypting, uint(s.handle), uint(c.Mechanism), uint(key), b)
	if err != nil {
		return device.Sealed{}, err
	}
	return split(c.IV, b, n, given)
}

// open is one decryption on a session. Its plaintext is exactly as long as the ciphertext without the tag.
func (t *Token) open(s *session, c device.Cipher, key pkcs11.ObjectHandle, aad []byte, sealed device.Sealed) ([]byte, error) {
	b, err := openBuffers(c.IV, aad, sealed)
	if err != nil {
		return nil, err
	}
	n, err := t.mod.hot.gcm(decrypting, uint(s.handle), uint(c.Mechanism), uint(key), b)
	if err != nil {
		secret.Wipe(b.out)
		return nil, err
	}
	if want := len(sealed.Ciphertext) - device.TagSize; n != want {
		secret.Wipe(b.out)
		return nil, untrusted("decrypting %d octets of ciphertext gave %d octets of plaintext instead of %d", len(sealed.Ciphertext), n, want)
	}
	secret.Wipe(b.out[n:])
	return b.out[:n:n], nil
}

// judge settles an answer that means refused data or a dead device alike, by a ciphertext that must open: the key's
// canary, or that of a session key while the key has none. It runs on the session that gave the answer.
func (t *Token) judge(s *session, e *epoch, h pkcs11.ObjectHandle, key device.Key, answer error) error {
	err := t.openCanary(s, e, h, key)
	var got *Error
	if !errors.As(answer, &got) {
		return answer
	}
	switch class := classIn(err); {
	case err == nil:
		return &Error{Function: got.Function, Code: got.Code, Class: ClassData}
	case class == ClassAmbiguous || class == ClassData || class == 0:
		return &Error{Function: got.Function, Code: got.Code, Class: ClassDevice}
	default:
		return err
	}
}

func (t *Token) openCanary(s *session, e *epoch, h pkcs11.ObjectHandle, key device.Key) error {
	if len(key.Canary.Ciphertext) == 0 {
		return t.openProbeCanary(s, e)
	}
	plaintext, err := t.open(s, key.Cipher, h, device.CanaryAAD(key.ID), key.Canary)
	secret.Wipe(plaintext)
	return err
}
