package api

import (
	"slices"

	"github.com/keyhold/keyhold/kms/keyspec"
)

// EncryptInput encrypts up to 4096 bytes under a key by id, ARN, alias name or alias ARN (AWS KMS API reference,
// Encrypt).
type EncryptInput struct {
	KeyID             *string           `json:"KeyId,omitzero" audit:"record"`
	Plaintext         Sensitive         `json:"Plaintext,omitzero" audit:"omit"` // 1..4096 bytes
	EncryptionContext EncryptionContext `json:"EncryptionContext,omitzero" audit:"record"`
	GrantTokens       []string          `json:"GrantTokens,omitzero" audit:"omit"`
	// EncryptionAlgorithm defaults to SYMMETRIC_DEFAULT.
	EncryptionAlgorithm *keyspec.EncryptionAlgorithm `json:"EncryptionAlgorithm,omitzero" audit:"record"`
	DryRun              *bool                        `json:"DryRun,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *EncryptInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.sensitive("plaintext", in.Plaintext, MaxPlaintext)
	v.context("encryptionContext", in.EncryptionContext)
	v.grantTokens(in.GrantTokens)
	enum(&v, "encryptionAlgorithm", in.EncryptionAlgorithm, keyspec.EncryptionAlgorithms)
	return v.err()
}

// Tokens are the grant tokens of the request.
func (in *EncryptInput) Tokens() []string { return in.GrantTokens }

// Algorithm is EncryptionAlgorithm with its default.
func (in *EncryptInput) Algorithm() keyspec.EncryptionAlgorithm {
	return or(in.EncryptionAlgorithm, keyspec.EncryptionSymmetricDefault)
}

// EncryptOutput is the ciphertext, at most 6144 bytes. KeyID is the ARN.
type EncryptOutput struct {
	CiphertextBlob      []byte                      `json:"CiphertextBlob,omitzero" audit:"omit"`
	KeyID               string                      `json:"KeyId,omitzero" audit:"record"`
	EncryptionAlgorithm keyspec.EncryptionAlgorithm `json:"EncryptionAlgorithm,omitzero" audit:"record"`
}

// DecryptInput opens a ciphertext (AWS KMS API reference, Decrypt). A symmetric ciphertext names its key; KeyID, which
// may be an id, ARN, alias name or alias ARN, then only confirms it.
type DecryptInput struct {
	CiphertextBlob    []byte            `json:"CiphertextBlob,omitzero" audit:"omit"` // 1..6144 bytes
	EncryptionContext EncryptionContext `json:"EncryptionContext,omitzero" audit:"record"`
	GrantTokens       []string          `json:"GrantTokens,omitzero" audit:"omit"`
	KeyID             *string           `json:"KeyId,omitzero" audit:"record"`
	// EncryptionAlgorithm defaults to SYMMETRIC_DEFAULT.
	EncryptionAlgorithm *keyspec.EncryptionAlgorithm `json:"EncryptionAlgorithm,omitzero" audit:"record"`
	// Recipient is refused by Unserved.
	Recipient       *RecipientInfo           `json:"Recipient,omitzero" audit:"record"`
	DryRun          *bool                    `json:"DryRun,omitzero" audit:"record"`
	DryRunModifiers []keyspec.DryRunModifier `json:"DryRunModifiers,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them. CiphertextBlob is required unless
// IgnoreCiphertext, which requires KeyID instead.
func (in *DecryptInput) Validate() error {
	var v violations
	ignore := in.IgnoreCiphertext()
	v.blob("ciphertextBlob", in.CiphertextBlob, MaxCiphertext, !ignore)
	v.context("encryptionContext", in.EncryptionContext)
	v.grantTokens(in.GrantTokens)
	v.keyIDIf(ignore, "keyId", in.KeyID)
	enum(&v, "encryptionAlgorithm", in.EncryptionAlgorithm, keyspec.EncryptionAlgorithms)
	v.recipient(in.Recipient)
	enums(&v, "dryRunModifiers", in.DryRunModifiers, keyspec.DryRunModifiers)
	return v.err()
}

// Algorithm is EncryptionAlgorithm with its default.
func (in *DecryptInput) Algorithm() keyspec.EncryptionAlgorithm {
	return or(in.EncryptionAlgorithm, keyspec.EncryptionSymmetricDefault)
}

// IgnoreCiphertext tells a dry run that checks authorization only. Without DryRun the modifier has nothing to modify,
// and the ciphertext stays required.
func (in *DecryptInput) IgnoreCiphertext() bool {
	return ignoresCiphertext(in.DryRun, in.DryRunModifiers)
}

// Tokens are the grant tokens of the request.
func (in *DecryptInput) Tokens() []string { return in.GrantTokens }

// Unserved refuses Recipient with an UnsupportedOperationException.
func (in *DecryptInput) Unserved() error { return unservedRecipient(in.Recipient) }

// DecryptOutput is the plaintext, at most 4096 bytes. KeyID is the ARN. KeyMaterialID is present for symmetric keys.
type DecryptOutput struct {
	KeyID                  string                      `json:"KeyId,omitzero" audit:"record"`
	Plaintext              Sensitive                   `json:"Plaintext,omitzero" audit:"omit"`
	EncryptionAlgorithm    keyspec.EncryptionAlgorithm `json:"EncryptionAlgorithm,omitzero" audit:"record"`
	CiphertextForRecipient []byte                      `json:"CiphertextForRecipient,omitzero" audit:"omit"`
	KeyMaterialID          string                      `json:"KeyMaterialId,omitzero" audit:"record"`
}

// ReEncryptInput opens a ciphertext and seals it anew, without showing the plaintext (AWS KMS API reference, ReEncrypt).
// Both key members may be ids, ARNs, alias names or alias ARNs; SourceKeyID only confirms a symmetric ciphertext's key.
type ReEncryptInput struct {
	CiphertextBlob               []byte            `json:"CiphertextBlob,omitzero" audit:"omit"` // 1..6144 bytes
	SourceEncryptionContext      EncryptionContext `json:"SourceEncryptionContext,omitzero" audit:"record"`
	SourceKeyID                  *string           `json:"SourceKeyId,omitzero" audit:"record"`
	DestinationKeyID             *string           `json:"DestinationKeyId,omitzero" audit:"record"`
	DestinationEncryptionContext EncryptionContext `json:"DestinationEncryptionContext,omitzero" audit:"record"`
	// Both algorithms default to SYMMETRIC_DEFAULT.
	SourceEncryptionAlgorithm      *keyspec.EncryptionAlgorithm `json:"SourceEncryptionAlgorithm,omitzero" audit:"record"`
	DestinationEncryptionAlgorithm *keyspec.EncryptionAlgorithm `json:"DestinationEncryptionAlgorithm,omitzero" audit:"record"`
	GrantTokens                    []string                     `json:"GrantTokens,omitzero" audit:"omit"`
	DryRun                         *bool                        `json:"DryRun,omitzero" audit:"record"`
	DryRunModifiers                []keyspec.DryRunModifier     `json:"DryRunModifiers,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them. CiphertextBlob is required unless
// IgnoreCiphertext, which requires SourceKeyID instead.
func (in *ReEncryptInput) Validate() error {
	var v violations
	ignore := in.IgnoreCiphertext()
	v.blob("ciphertextBlob", in.CiphertextBlob, MaxCiphertext, !ignore)
	v.context("sourceEncryptionContext", in.SourceEncryptionContext)
	v.keyIDIf(ignore, "sourceKeyId", in.SourceKeyID)
	v.keyID("destinationKeyId", in.DestinationKeyID)
	v.context("destinationEncryptionContext", in.DestinationEncryptionContext)
	enum(&v, "sourceEncryptionAlgorithm", in.SourceEncryptionAlgorithm, keyspec.EncryptionAlgorithms)
	enum(&v, "destinationEncryptionAlgorithm", in.DestinationEncryptionAlgorithm, keyspec.EncryptionAlgorithms)
	v.grantTokens(in.GrantTokens)
	enums(&v, "dryRunModifiers", in.DryRunModifiers, keyspec.DryRunModifiers)
	return v.err()
}

// Tokens are the grant tokens of the request.
func (in *ReEncryptInput) Tokens() []string { return in.GrantTokens }

// SourceAlgorithm is SourceEncryptionAlgorithm with its default.
func (in *ReEncryptInput) SourceAlgorithm() keyspec.EncryptionAlgorithm {
	return or(in.SourceEncryptionAlgorithm, keyspec.EncryptionSymmetricDefault)
}

// DestinationAlgorithm is DestinationEncryptionAlgorithm with its default.
func (in *ReEncryptInput) DestinationAlgorithm() keyspec.EncryptionAlgorithm {
	return or(in.DestinationEncryptionAlgorithm, keyspec.EncryptionSymmetricDefault)
}

// IgnoreCiphertext tells a dry run that checks authorization only; see DecryptInput.IgnoreCiphertext.
func (in *ReEncryptInput) IgnoreCiphertext() bool {
	return ignoresCiphertext(in.DryRun, in.DryRunModifiers)
}

func ignoresCiphertext(dryRun *bool, modifiers []keyspec.DryRunModifier) bool {
	return or(dryRun, false) && slices.Contains(modifiers, keyspec.IgnoreCiphertext)
}

// ReEncryptOutput is the new ciphertext. SourceKeyID and KeyID, the destination, are ARNs.
type ReEncryptOutput struct {
	CiphertextBlob                 []byte                      `json:"CiphertextBlob,omitzero" audit:"omit"`
	SourceKeyID                    string                      `json:"SourceKeyId,omitzero" audit:"record"`
	KeyID                          string                      `json:"KeyId,omitzero" audit:"record"`
	SourceEncryptionAlgorithm      keyspec.EncryptionAlgorithm `json:"SourceEncryptionAlgorithm,omitzero" audit:"record"`
	DestinationEncryptionAlgorithm keyspec.EncryptionAlgorithm `json:"DestinationEncryptionAlgorithm,omitzero" audit:"record"`
	SourceKeyMaterialID            string                      `json:"SourceKeyMaterialId,omitzero" audit:"record"`
	DestinationKeyMaterialID       string                      `json:"DestinationKeyMaterialId,omitzero" audit:"record"`
}

// RecipientInfo asks for the plaintext encrypted for an attested enclave (AWS KMS API reference, RecipientInfo).
type RecipientInfo struct {
	KeyEncryptionAlgorithm *keyspec.KeyEncryptionMechanism `json:"KeyEncryptionAlgorithm,omitzero" audit:"record"`
	AttestationDocument    []byte                          `json:"AttestationDocument,omitzero" audit:"digest"` // 1..262144 bytes
}
