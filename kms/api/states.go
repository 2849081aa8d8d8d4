package api

import "github.com/keyhold/keyhold/kms/keyspec"

// EnableKeyInput names a key by id or ARN (AWS KMS API reference, EnableKey).
type EnableKeyInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *EnableKeyInput) Validate() error { return validateKeyID(in.KeyID) }

// EnableKeyOutput is empty.
type EnableKeyOutput = Void

// DisableKeyInput names a key by id or ARN (AWS KMS API reference, DisableKey).
type DisableKeyInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *DisableKeyInput) Validate() error { return validateKeyID(in.KeyID) }

// DisableKeyOutput is empty.
type DisableKeyOutput = Void

// ScheduleKeyDeletionInput names a key by id or ARN and the waiting period in days (AWS KMS API reference,
// ScheduleKeyDeletion).
type ScheduleKeyDeletionInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
	// PendingWindowInDays is 7..30; absent means 30.
	PendingWindowInDays *int32 `json:"PendingWindowInDays,omitzero" audit:"record"`
}

// Validate checks the members one by one. The window is held to 7..30 as the service does, not to the model's 1..365.
func (in *ScheduleKeyDeletionInput) Validate() error {
	var v violations
	v.keyID("keyId", in.KeyID)
	v.number("pendingWindowInDays", in.PendingWindowInDays, MinPendingWindow, MaxPendingWindow)
	return v.err()
}

// Window is the waiting period in days, with its default.
func (in *ScheduleKeyDeletionInput) Window() int {
	return int(or(in.PendingWindowInDays, DefaultPendingWindow))
}

// ScheduleKeyDeletionOutput says when the key will be gone. KeyID is the ARN.
type ScheduleKeyDeletionOutput struct {
	KeyID               string           `json:"KeyId,omitzero" audit:"record"`
	DeletionDate        Time             `json:"DeletionDate,omitzero" audit:"record"`
	KeyState            keyspec.KeyState `json:"KeyState,omitzero" audit:"record"`
	PendingWindowInDays int32            `json:"PendingWindowInDays,omitzero" audit:"record"`
}

// CancelKeyDeletionInput names a key by id or ARN (AWS KMS API reference, CancelKeyDeletion).
type CancelKeyDeletionInput struct {
	KeyID *string `json:"KeyId,omitzero" audit:"record"`
}

// Validate checks the members one by one, as the service model bounds them.
func (in *CancelKeyDeletionInput) Validate() error { return validateKeyID(in.KeyID) }

// CancelKeyDeletionOutput names the key, which is now Disabled. KeyID is the ARN.
type CancelKeyDeletionOutput struct {
	KeyID string `json:"KeyId,omitzero" audit:"record"`
}
