package kms

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
)

// seal encrypts under the current generation of a key and returns the blob and the id of the key material. A generation
// that may not encrypt any more is renewed first, and the answer is errStale. guard is the last look before the token is
// called.
func (s *Service) seal(ctx context.Context, key *Key, plaintext []byte, context map[string]string, guard func() error) ([]byte, string, error) {
	if err := s.take(ctx, key); err != nil {
		return nil, "", err
	}
	generation := key.Current()
	b := blob{Key: key.ID(), Generation: generation.Number}
	sealed, err := s.device.Encrypt(ctx, device.EncryptRequest{
		Key: deviceKey(generation), AAD: b.aad(context), Plaintext: plaintext, Guard: guard,
	})
	if err == nil {
		err = checkSealed(sealed, len(plaintext))
	}
	if err == nil && bytes.Equal(sealed.IV, generation.Canary.IV) {
		err = fmt.Errorf("seal: %w: the IV is that of the canary", device.ErrUntrusted)
	}
	if errors.Is(err, device.ErrUntrusted) { // a token that begins its IVs anew would repeat those of callers next
		s.retire(ctx, key, err)
	}
	if err != nil {
		return nil, "", err
	}
	b.Sealed = sealed
	return b.encode(), generation.MaterialID, nil
}

// open decrypts a blob that names the key, and returns the plaintext and the id of the key material.
// InvalidCiphertextException when the blob was not sealed so.
func (s *Service) open(ctx context.Context, key *Key, b blob, context map[string]string, guard func() error) ([]byte, string, error) {
	if b.Generation > key.Row().Current {
		return nil, "", api.InvalidCiphertext()
	}
	generation := key.Generations()[b.Generation-1]
	if generation.State != GenerationReady && generation.State != GenerationDecryptOnly {
		return nil, "", api.Unavailable(key.ARN())
	}
	plaintext, err := s.device.Decrypt(ctx, device.DecryptRequest{
		Key: deviceKey(generation), AAD: b.aad(context), Sealed: b.Sealed, Guard: guard,
	})
	if errors.Is(err, device.ErrInvalidData) {
		return nil, "", api.InvalidCiphertext()
	}
	return plaintext, generation.MaterialID, err
}

// checkSealed refuses what no blob can hold or nobody could open again: it must never reach a caller.
func checkSealed(s device.Sealed, plaintext int) error {
	if len(s.IV) != 12 && len(s.IV) != 16 || len(s.Ciphertext) != plaintext+device.TagSize {
		return fmt.Errorf("%w: it sealed %d octets to %d with an IV of %d", device.ErrUntrusted, plaintext, len(s.Ciphertext), len(s.IV))
	}
	return nil
}

func deviceKey(g GenerationRow) device.Key {
	return device.Key{ID: g.Object, Cipher: g.Cipher, Canary: g.Canary}
}
