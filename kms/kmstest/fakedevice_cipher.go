package kmstest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
)

const (
	mechanismGCM         = 0x1087     // CKM_AES_GCM
	mechanismCloudHSMGCM = 0x80001087 // the vendor mechanism of AWS CloudHSM, which prepends the IV
)

func (d *FakeDevice) cipher() device.Cipher {
	c := device.Cipher{Mechanism: mechanismGCM, IV: d.config.IV}
	if c.IV == device.IVPrepended {
		c.Mechanism = mechanismCloudHSMGCM
	}
	return c
}

// ivLength is 0 for a policy that does not exist.
func ivLength(p device.IVPolicy) int {
	switch p {
	case device.IVHostRandom, device.IVWrittenBack, device.IVPrepended:
		return 12
	case device.IVAppended:
		return 16
	default:
		return 0
	}
}

func newGCM(key []byte, ivLength int) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("set up AES: %w", err)
	}
	return cipher.NewGCMWithNonceSize(block, ivLength)
}

func (d *FakeDevice) seal(key []byte, req device.EncryptRequest) (device.Sealed, error) {
	n := ivLength(req.Key.Cipher.IV)
	gcm, err := newGCM(key, n)
	if err != nil {
		return device.Sealed{}, err
	}
	iv := bytes.Repeat([]byte{0x5a}, n)
	if !d.hasConstantIV() {
		_, _ = rand.Read(iv) // never fails since Go 1.24: it ends the process instead
	}
	return device.Sealed{IV: iv, Ciphertext: gcm.Seal(nil, iv, req.Plaintext, req.AAD)}, nil
}

func openSealed(key []byte, req device.DecryptRequest) ([]byte, error) {
	n := ivLength(req.Key.Cipher.IV)
	if n == 0 || len(req.AAD) == 0 {
		return nil, fmt.Errorf("decrypt with %d octets of AAD and %+v: %w", len(req.AAD), req.Key.Cipher, device.ErrUnsupported)
	}
	if len(req.Sealed.IV) != n {
		return nil, fmt.Errorf("decrypt with %d octets of IV: %w", len(req.Sealed.IV), device.ErrInvalidData)
	}
	gcm, err := newGCM(key, n)
	if err != nil {
		return nil, err
	}
	plaintext, err := gcm.Open(nil, req.Sealed.IV, req.Sealed.Ciphertext, req.AAD)
	if err != nil {
		return nil, fmt.Errorf("open: %w", device.ErrInvalidData)
	}
	return plaintext, nil
}
