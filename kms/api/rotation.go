package api

import "github.com/keyhold/keyhold/kms/keyspec"

// EnableKeyRotationInput turns on automatic rotation of a key by id or ARN, or changes its period (AWS KMS API
// reference, EnableKeyRotation).
type EnableKeyRotationInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
	// RotationPeriodInDays is 90..2560; absent means 365.
	RotationPeriodInDays *int32 `json:"RotationPeriodInDays,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *EnableKeyRotationInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.number("rotationPeriodInDays", in.RotationPeriodInDays, MinRotationPeriod, MaxRotationPeriod)
	return v.err()
}

// Period is the rotation period in days, with its default.
func (in *EnableKeyRotationInput) Period() int {
	return int(or(in.RotationPeriodInDays, DefaultRotationPeriod))
}

// EnableKeyRotationOutput is empty.
type EnableKeyRotationOutput = Void

// DisableKeyRotationInput names a key by id or ARN (AWS KMS API reference, DisableKeyRotation).
type DisableKeyRotationInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *DisableKeyRotationInput) Validate() error { return validateKeyID(in.KeyID) }

// DisableKeyRotationOutput is empty.
type DisableKeyRotationOutput = Void

// GetKeyRotationStatusInput names a key by id or ARN (AWS KMS API reference, GetKeyRotationStatus).
type GetKeyRotationStatusInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *GetKeyRotationStatusInput) Validate() error { return validateKeyID(in.KeyID) }

// GetKeyRotationStatusOutput says whether and when the key rotates. With rotation off only the first two members are
// present; OnDemandRotationStartDate is present while an on-demand rotation runs.
type GetKeyRotationStatusOutput struct {
	KeyRotationEnabled        bool   `json:"KeyRotationEnabled" audit:"record"`
	KeyID                     string `json:"KeyId,omitzero" audit:"record"`
	RotationPeriodInDays      int32  `json:"RotationPeriodInDays,omitzero" audit:"record"`
	NextRotationDate          Time   `json:"NextRotationDate,omitzero" audit:"record"`
	OnDemandRotationStartDate Time   `json:"OnDemandRotationStartDate,omitzero" audit:"record"`
}

// RotateKeyOnDemandInput names a key by id or ARN (AWS KMS API reference, RotateKeyOnDemand).
type RotateKeyOnDemandInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *RotateKeyOnDemandInput) Validate() error { return validateKeyID(in.KeyID) }

// RotateKeyOnDemandOutput names the key. KeyID is the ARN.
type RotateKeyOnDemandOutput struct {
	KeyID string `json:"KeyId,omitzero" audit:"record"`
}

// ListKeyRotationsInput asks for a page of a key's rotations, by id or ARN (AWS KMS API reference, ListKeyRotations).
type ListKeyRotationsInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
	// IncludeKeyMaterial defaults to ROTATIONS_ONLY.
	IncludeKeyMaterial *keyspec.IncludeKeyMaterial `json:"IncludeKeyMaterial,omitzero" audit:"record"`
	Limit              *int32                      `json:"Limit,omitzero" audit:"record"`
	Marker             *string                     `json:"Marker,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *ListKeyRotationsInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	enum(&v, "includeKeyMaterial", in.IncludeKeyMaterial, keyspec.IncludeKeyMaterials)
	v.page(in.Limit, in.Marker)
	return v.err()
}

// PageSize is the most entries of the page: 100 by default, at most 1000.
func (in *ListKeyRotationsInput) PageSize() int { return pageSize(in.Limit, defaultPage, maxPage) }

// Include is IncludeKeyMaterial with its default.
func (in *ListKeyRotationsInput) Include() keyspec.IncludeKeyMaterial {
	return or(in.IncludeKeyMaterial, keyspec.RotationsOnly)
}

// ListKeyRotationsOutput is a page of rotations, oldest first. NextMarker is set when Truncated.
type ListKeyRotationsOutput struct {
	Rotations  []RotationsListEntry `json:"Rotations" audit:"record"`
	NextMarker string               `json:"NextMarker,omitzero" audit:"record"`
	Truncated  bool                 `json:"Truncated" audit:"record"`
}

// RotationsListEntry is one generation of key material. KeyID is the bare id. RotationDate and RotationType are absent
// for the first material; the members from KeyMaterialDescription to ValidTo, except KeyMaterialState, are for EXTERNAL
// keys.
type RotationsListEntry struct {
	KeyID                  string                   `json:"KeyId,omitzero" audit:"record"`
	KeyMaterialID          string                   `json:"KeyMaterialId,omitzero" audit:"record"`
	KeyMaterialDescription string                   `json:"KeyMaterialDescription,omitzero" audit:"record"`
	ImportState            keyspec.ImportState      `json:"ImportState,omitzero" audit:"record"`
	KeyMaterialState       keyspec.KeyMaterialState `json:"KeyMaterialState,omitzero" audit:"record"`
	ExpirationModel        keyspec.ExpirationModel  `json:"ExpirationModel,omitzero" audit:"record"`
	ValidTo                Time                     `json:"ValidTo,omitzero" audit:"record"`
	RotationDate           Time                     `json:"RotationDate,omitzero" audit:"record"`
	RotationType           keyspec.RotationType     `json:"RotationType,omitzero" audit:"record"`
}
