package client

import (
	"context"

	"github.com/keyhold/keyhold/kms/api"
)

// CreateKey makes a key.
func (c *Client) CreateKey(ctx context.Context, in *api.CreateKeyInput) (*api.CreateKeyOutput, error) {
	return Do[api.CreateKeyOutput](ctx, c, "CreateKey", in)
}

// DescribeKey describes a key.
func (c *Client) DescribeKey(ctx context.Context, in *api.DescribeKeyInput) (*api.DescribeKeyOutput, error) {
	return Do[api.DescribeKeyOutput](ctx, c, "DescribeKey", in)
}

// ListKeys lists a page of the keys of the account.
func (c *Client) ListKeys(ctx context.Context, in *api.ListKeysInput) (*api.ListKeysOutput, error) {
	return Do[api.ListKeysOutput](ctx, c, "ListKeys", in)
}

// UpdateKeyDescription replaces the description of a key.
func (c *Client) UpdateKeyDescription(ctx context.Context, in *api.UpdateKeyDescriptionInput) error {
	return c.Call(ctx, "UpdateKeyDescription", in, &api.Void{})
}

// EnableKey lets a key be used again.
func (c *Client) EnableKey(ctx context.Context, in *api.EnableKeyInput) error {
	return c.Call(ctx, "EnableKey", in, &api.Void{})
}

// DisableKey keeps a key from being used.
func (c *Client) DisableKey(ctx context.Context, in *api.DisableKeyInput) error {
	return c.Call(ctx, "DisableKey", in, &api.Void{})
}

// ScheduleKeyDeletion ends a key after a waiting time.
func (c *Client) ScheduleKeyDeletion(ctx context.Context, in *api.ScheduleKeyDeletionInput) (*api.ScheduleKeyDeletionOutput, error) {
	return Do[api.ScheduleKeyDeletionOutput](ctx, c, "ScheduleKeyDeletion", in)
}

// CancelKeyDeletion keeps a key that is pending deletion; it is disabled then.
func (c *Client) CancelKeyDeletion(ctx context.Context, in *api.CancelKeyDeletionInput) (*api.CancelKeyDeletionOutput, error) {
	return Do[api.CancelKeyDeletionOutput](ctx, c, "CancelKeyDeletion", in)
}

// EnableKeyRotation has a key renewed regularly, or sets the period.
func (c *Client) EnableKeyRotation(ctx context.Context, in *api.EnableKeyRotationInput) error {
	return c.Call(ctx, "EnableKeyRotation", in, &api.Void{})
}

// DisableKeyRotation ends the regular renewal of a key.
func (c *Client) DisableKeyRotation(ctx context.Context, in *api.DisableKeyRotationInput) error {
	return c.Call(ctx, "DisableKeyRotation", in, &api.Void{})
}

// GetKeyRotationStatus tells whether and when a key is renewed.
func (c *Client) GetKeyRotationStatus(ctx context.Context, in *api.GetKeyRotationStatusInput) (*api.GetKeyRotationStatusOutput, error) {
	return Do[api.GetKeyRotationStatusOutput](ctx, c, "GetKeyRotationStatus", in)
}

// RotateKeyOnDemand renews a key now.
func (c *Client) RotateKeyOnDemand(ctx context.Context, in *api.RotateKeyOnDemandInput) (*api.RotateKeyOnDemandOutput, error) {
	return Do[api.RotateKeyOnDemandOutput](ctx, c, "RotateKeyOnDemand", in)
}

// ListKeyRotations lists a page of the renewals of a key.
func (c *Client) ListKeyRotations(ctx context.Context, in *api.ListKeyRotationsInput) (*api.ListKeyRotationsOutput, error) {
	return Do[api.ListKeyRotationsOutput](ctx, c, "ListKeyRotations", in)
}
