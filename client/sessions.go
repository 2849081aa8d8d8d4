package client

import (
	"context"

	"github.com/keyhold/keyhold/kms/api"
)

// AssumeRole begins a session of a role, and answers its credentials, which NewCredentials takes. It is an operation of AWS
// STS.
func (c *Client) AssumeRole(ctx context.Context, in *api.AssumeRoleInput) (*api.AssumeRoleOutput, error) {
	return Do[api.AssumeRoleOutput](ctx, c, "AssumeRole", in)
}

// GetCallerIdentity tells whose the credentials are. It is an operation of AWS STS.
func (c *Client) GetCallerIdentity(ctx context.Context, in *api.GetCallerIdentityInput) (*api.GetCallerIdentityOutput, error) {
	return Do[api.GetCallerIdentityOutput](ctx, c, "GetCallerIdentity", in)
}
