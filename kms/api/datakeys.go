package api

import "github.com/keyhold/keyhold/kms/keyspec"

// GenerateDataKeyInput makes a data key, in clear and encrypted under a key by id, ARN, alias name or alias ARN (AWS KMS
// API reference, GenerateDataKey).
type GenerateDataKeyInput struct {
	KeyID             *string           `json:"KeyId,omitzero" audit:"record"`
	EncryptionContext EncryptionContext `json:"EncryptionContext,omitzero" audit:"record"`
	// Exactly one of NumberOfBytes, 1..1024, and KeySpec; see Size.
	NumberOfBytes *int32               `json:"NumberOfBytes,omitzero" audit:"record"`
	KeySpec       *keyspec.DataKeySpec `json:"KeySpec,omitzero" audit:"record"`
	GrantTokens   []string             `json:"GrantTokens,omitzero" audit:"omit"`
	// Recipient is refused by Unserved.
	Recipient *RecipientInfo `json:"Recipient,omitzero" audit:"record"`
	DryRun    *bool          `json:"DryRun,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *GenerateDataKeyInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.context("encryptionContext", in.EncryptionContext)
	v.number("numberOfBytes", in.NumberOfBytes, 1, MaxRandom)
	enum(&v, "keySpec", in.KeySpec, keyspec.DataKeySpecs)
	v.grantTokens(in.GrantTokens)
	v.recipient(in.Recipient)
	return v.err()
}

// Size is the length of the data key in bytes, or a ValidationException when both or neither of KeySpec and
// NumberOfBytes are given. AWS checks this after authorization and before usage and state.
func (in *GenerateDataKeyInput) Size() (int, error) { return dataKeySize(in.NumberOfBytes, in.KeySpec) }

// Tokens are the grant tokens of the request.
func (in *GenerateDataKeyInput) Tokens() []string { return in.GrantTokens }

// Unserved refuses Recipient with an UnsupportedOperationException.
func (in *GenerateDataKeyInput) Unserved() error { return unservedRecipient(in.Recipient) }

// GenerateDataKeyOutput is the data key in both forms. KeyID is the ARN.
type GenerateDataKeyOutput struct {
	CiphertextBlob         []byte    `json:"CiphertextBlob,omitzero" audit:"omit"`
	Plaintext              Sensitive `json:"Plaintext,omitzero" audit:"omit"`
	KeyID                  string    `json:"KeyId,omitzero" audit:"record"`
	CiphertextForRecipient []byte    `json:"CiphertextForRecipient,omitzero" audit:"omit"`
	KeyMaterialID          string    `json:"KeyMaterialId,omitzero" audit:"record"`
}

// GenerateDataKeyWithoutPlaintextInput makes a data key in encrypted form only (AWS KMS API reference,
// GenerateDataKeyWithoutPlaintext).
type GenerateDataKeyWithoutPlaintextInput struct {
	KeyID             *string           `json:"KeyId,omitzero" audit:"record"`
	EncryptionContext EncryptionContext `json:"EncryptionContext,omitzero" audit:"record"`
	// Exactly one of KeySpec and NumberOfBytes, 1..1024; see Size.
	KeySpec       *keyspec.DataKeySpec `json:"KeySpec,omitzero" audit:"record"`
	NumberOfBytes *int32               `json:"NumberOfBytes,omitzero" audit:"record"`
	GrantTokens   []string             `json:"GrantTokens,omitzero" audit:"omit"`
	DryRun        *bool                `json:"DryRun,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *GenerateDataKeyWithoutPlaintextInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.context("encryptionContext", in.EncryptionContext)
	enum(&v, "keySpec", in.KeySpec, keyspec.DataKeySpecs)
	v.number("numberOfBytes", in.NumberOfBytes, 1, MaxRandom)
	v.grantTokens(in.GrantTokens)
	return v.err()
}

// Tokens are the grant tokens of the request.
func (in *GenerateDataKeyWithoutPlaintextInput) Tokens() []string { return in.GrantTokens }

// Size is the length of the data key in bytes; see GenerateDataKeyInput.Size.
func (in *GenerateDataKeyWithoutPlaintextInput) Size() (int, error) {
	return dataKeySize(in.NumberOfBytes, in.KeySpec)
}

// GenerateDataKeyWithoutPlaintextOutput is the encrypted data key. KeyID is the ARN.
type GenerateDataKeyWithoutPlaintextOutput struct {
	CiphertextBlob []byte `json:"CiphertextBlob,omitzero" audit:"omit"`
	KeyID          string `json:"KeyId,omitzero" audit:"record"`
	KeyMaterialID  string `json:"KeyMaterialId,omitzero" audit:"record"`
}

func dataKeySize(bytes *int32, spec *keyspec.DataKeySpec) (int, error) {
	switch {
	case (bytes == nil) == (spec == nil):
		return 0, DataKeySizeChoice()
	case bytes != nil:
		return int(*bytes), nil
	}
	return spec.Size(), nil
}

// GenerateRandomInput asks for random bytes (AWS KMS API reference, GenerateRandom).
type GenerateRandomInput struct {
	NumberOfBytes *int32 `json:"NumberOfBytes,omitzero" audit:"record"` // 1..1024, required by Size
	// CustomKeyStoreID and Recipient are refused by Unserved.
	CustomKeyStoreID *string        `json:"CustomKeyStoreId,omitzero" audit:"record"`
	Recipient        *RecipientInfo `json:"Recipient,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *GenerateRandomInput) Validate() error {
	var v violations
	v.number("numberOfBytes", in.NumberOfBytes, 1, MaxRandom)
	text(&v, "customKeyStoreId", in.CustomKeyStoreID, bounds{min: 1, max: 64})
	v.recipient(in.Recipient)
	return v.err()
}

// Size is the number of bytes asked for, or a ValidationException when there is none: the model lets that pass.
func (in *GenerateRandomInput) Size() (int, error) {
	if in.NumberOfBytes == nil {
		return 0, NumberOfBytesRequired()
	}
	return int(*in.NumberOfBytes), nil
}

// Unserved refuses CustomKeyStoreID and Recipient with an UnsupportedOperationException.
func (in *GenerateRandomInput) Unserved() error {
	if in.CustomKeyStoreID != nil {
		return unservedCustomKeyStore()
	}
	return unservedRecipient(in.Recipient)
}

// GenerateRandomOutput is the random bytes.
type GenerateRandomOutput struct {
	Plaintext              Sensitive `json:"Plaintext,omitzero" audit:"omit"`
	CiphertextForRecipient []byte    `json:"CiphertextForRecipient,omitzero" audit:"omit"`
}
