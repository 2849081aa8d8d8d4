package api

import "github.com/keyhold/keyhold/kms/keyspec"

// CreateKeyInput makes a key (AWS KMS API reference, CreateKey). Every member is optional.
type CreateKeyInput struct {
	// Policy is the key policy as JSON text, at most 32,768 bytes. Absent: the default policy.
	Policy *string `json:"Policy,omitzero" audit:"record"`
	// Description is 0..8192 characters.
	Description *string `json:"Description,omitzero" audit:"record"`
	// KeyUsage defaults to ENCRYPT_DECRYPT for symmetric keys, and must be given for all others.
	KeyUsage *keyspec.KeyUsage `json:"KeyUsage,omitzero" audit:"record"`
	// CustomerMasterKeySpec is the deprecated synonym of KeySpec. Only one of them may be given.
	CustomerMasterKeySpec *keyspec.KeySpec `json:"CustomerMasterKeySpec,omitzero" audit:"record"`
	// KeySpec defaults to SYMMETRIC_DEFAULT.
	KeySpec *keyspec.KeySpec `json:"KeySpec,omitzero" audit:"record"`
	// Origin defaults to AWS_KMS.
	Origin *keyspec.Origin `json:"Origin,omitzero" audit:"record"`
	// CustomKeyStoreID is refused by Unserved.
	CustomKeyStoreID *string `json:"CustomKeyStoreId,omitzero" audit:"record"`
	// BypassPolicyLockoutSafetyCheck accepts a policy under which the caller cannot change it any more.
	BypassPolicyLockoutSafetyCheck *bool `json:"BypassPolicyLockoutSafetyCheck,omitzero" audit:"record"`
	// Tags are at most 50; see CheckTags.
	Tags []Tag `json:"Tags,omitzero" audit:"record"`
	// MultiRegion true is refused by Unserved.
	MultiRegion *bool `json:"MultiRegion,omitzero" audit:"record"`
	// XksKeyID is refused by Unserved.
	XksKeyID *string `json:"XksKeyId,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *CreateKeyInput) Validate() error {
	var v violations
	text(&v, "policy", in.Policy, bounds{min: 1, max: 131072, pattern: policyPattern})
	text(&v, "description", in.Description, bounds{max: MaxDescription})
	enum(&v, "keyUsage", in.KeyUsage, keyspec.KeyUsages)
	enum(&v, "customerMasterKeySpec", in.CustomerMasterKeySpec, keyspec.CustomerMasterKeySpecs)
	enum(&v, "keySpec", in.KeySpec, keyspec.KeySpecs)
	enum(&v, "origin", in.Origin, keyspec.Origins)
	text(&v, "customKeyStoreId", in.CustomKeyStoreID, bounds{min: 1, max: 64})
	v.tags(in.Tags)
	text(&v, "xksKeyId", in.XksKeyID, bounds{min: 1, max: 128, pattern: xksKeyPattern})
	return v.err()
}

// SpecAndUsage resolves KeySpec, its synonym and KeyUsage with their defaults. It fails with a ValidationException when
// both synonyms are given, when a non-symmetric key has no usage, and when spec and usage do not go together. Call it
// before Unserved: AWS answers a contradiction before anything else.
func (in *CreateKeyInput) SpecAndUsage() (keyspec.KeySpec, keyspec.KeyUsage, error) {
	if in.KeySpec != nil && in.CustomerMasterKeySpec != nil {
		return "", "", BothKeySpecs()
	}
	spec := or(in.KeySpec, or(in.CustomerMasterKeySpec, keyspec.SymmetricDefault))
	if in.KeyUsage == nil && spec != keyspec.SymmetricDefault {
		return "", "", KeyUsageMissing()
	}
	usage := or(in.KeyUsage, keyspec.EncryptDecrypt)
	if !keyspec.Compatible(spec, usage) {
		return "", "", KeyUsageIncompatible(usage, spec)
	}
	return spec, usage, nil
}

// OriginOrDefault is Origin, or AWS_KMS.
func (in *CreateKeyInput) OriginOrDefault() keyspec.Origin { return or(in.Origin, keyspec.OriginKMS) }

// Unserved refuses what AWS has and Keyhold has not, by the member's name, with an UnsupportedOperationException.
func (in *CreateKeyInput) Unserved() error {
	spec := or(in.KeySpec, or(in.CustomerMasterKeySpec, keyspec.SymmetricDefault))
	row, _ := keyspec.Lookup(spec)
	switch {
	case !row.Servable:
		return unservedf("KeySpec %s is not supported by this server. Use SYMMETRIC_DEFAULT.", spec)
	case in.OriginOrDefault() != keyspec.OriginKMS:
		return unservedf("Origin %s is not supported by this server. Leave it out or use AWS_KMS: "+
			"the key material is made in this server's own HSM.", *in.Origin)
	case in.CustomKeyStoreID != nil:
		return unservedCustomKeyStore()
	case in.XksKeyID != nil:
		return unservedf("XksKeyId is not supported by this server. Leave it out: " +
			"the key material is made in this server's own HSM.")
	case or(in.MultiRegion, false):
		return unservedf("MultiRegion true is not supported by this server. Leave it out, or create one key per Region.")
	}
	return nil
}

// CreateKeyOutput describes the new key.
type CreateKeyOutput struct {
	KeyMetadata KeyMetadata `json:"KeyMetadata" audit:"record"`
}

// DescribeKeyInput names a key by id, ARN, alias name or alias ARN (AWS KMS API reference, DescribeKey).
type DescribeKeyInput struct {
	KeyID       *string  `json:"KeyId,omitzero" audit:"record"`
	GrantTokens []string `json:"GrantTokens,omitzero" audit:"omit"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *DescribeKeyInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.grantTokens(in.GrantTokens)
	return v.err()
}

// Tokens are the grant tokens of the request.
func (in *DescribeKeyInput) Tokens() []string { return in.GrantTokens }

// DescribeKeyOutput describes the key.
type DescribeKeyOutput struct {
	KeyMetadata KeyMetadata `json:"KeyMetadata" audit:"record"`
}

// ListKeysInput asks for a page of all keys (AWS KMS API reference, ListKeys).
type ListKeysInput struct {
	Limit  *int32  `json:"Limit,omitzero" audit:"record"`
	Marker *string `json:"Marker,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *ListKeysInput) Validate() error {
	var v violations
	v.page(in.Limit, in.Marker)
	return v.err()
}

// PageSize is the most entries of the page: 100 by default, at most 1000.
func (in *ListKeysInput) PageSize() int { return pageSize(in.Limit, defaultPage, maxPage) }

// ListKeysOutput is a page of keys. NextMarker is set when Truncated.
type ListKeysOutput struct {
	Keys       []KeyListEntry `json:"Keys" audit:"record"`
	NextMarker string         `json:"NextMarker,omitzero" audit:"record"`
	Truncated  bool           `json:"Truncated" audit:"record"`
}

// KeyListEntry is one key of a listing: its bare id and its ARN.
type KeyListEntry struct {
	KeyID  string `json:"KeyId,omitzero" audit:"record"`
	KeyArn string `json:"KeyArn,omitzero" audit:"record"`
}

// UpdateKeyDescriptionInput replaces a key's description; "" clears it (AWS KMS API reference, UpdateKeyDescription).
type UpdateKeyDescriptionInput struct {
	KeyID       *string `json:"KeyId,omitzero" audit:"record"`
	Description *string `json:"Description,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *UpdateKeyDescriptionInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	text(&v, "description", in.Description, bounds{max: MaxDescription, required: true})
	return v.err()
}

// UpdateKeyDescriptionOutput is empty.
type UpdateKeyDescriptionOutput = Void
