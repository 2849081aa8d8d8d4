package client

import (
	"context"

	"github.com/keyhold/keyhold/kms/api"
)

// Encrypt encrypts up to 4,096 bytes under a key.
func (c *Client) Encrypt(ctx context.Context, in *api.EncryptInput) (*api.EncryptOutput, error) {
	return Do[api.EncryptOutput](ctx, c, "Encrypt", in)
}

// Decrypt opens a ciphertext; the plaintext in the answer is the caller's to wipe.
func (c *Client) Decrypt(ctx context.Context, in *api.DecryptInput) (*api.DecryptOutput, error) {
	return Do[api.DecryptOutput](ctx, c, "Decrypt", in)
}

// ReEncrypt opens a ciphertext and encrypts it anew, inside the server.
func (c *Client) ReEncrypt(ctx context.Context, in *api.ReEncryptInput) (*api.ReEncryptOutput, error) {
	return Do[api.ReEncryptOutput](ctx, c, "ReEncrypt", in)
}

// GenerateDataKey makes a data key, in clear and encrypted; the plaintext in the answer is the caller's to
// wipe.
func (c *Client) GenerateDataKey(ctx context.Context, in *api.GenerateDataKeyInput) (*api.GenerateDataKeyOutput, error) {
	return Do[api.GenerateDataKeyOutput](ctx, c, "GenerateDataKey", in)
}

// GenerateDataKeyWithoutPlaintext makes a data key, encrypted only.
func (c *Client) GenerateDataKeyWithoutPlaintext(ctx context.Context, in *api.GenerateDataKeyWithoutPlaintextInput) (*api.GenerateDataKeyWithoutPlaintextOutput, error) {
	return Do[api.GenerateDataKeyWithoutPlaintextOutput](ctx, c, "GenerateDataKeyWithoutPlaintext", in)
}

// GenerateRandom draws up to 1,024 random bytes.
func (c *Client) GenerateRandom(ctx context.Context, in *api.GenerateRandomInput) (*api.GenerateRandomOutput, error) {
	return Do[api.GenerateRandomOutput](ctx, c, "GenerateRandom", in)
}
