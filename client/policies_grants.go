package client

import (
	"context"

	"github.com/keyhold/keyhold/kms/api"
)

// GetKeyPolicy reads the policy of a key.
func (c *Client) GetKeyPolicy(ctx context.Context, in *api.GetKeyPolicyInput) (*api.GetKeyPolicyOutput, error) {
	return Do[api.GetKeyPolicyOutput](ctx, c, "GetKeyPolicy", in)
}

// PutKeyPolicy replaces the policy of a key.
func (c *Client) PutKeyPolicy(ctx context.Context, in *api.PutKeyPolicyInput) error {
	return c.Call(ctx, "PutKeyPolicy", in, &api.Void{})
}

// ListKeyPolicies lists the names of the policies of a key, of which there is one.
func (c *Client) ListKeyPolicies(ctx context.Context, in *api.ListKeyPoliciesInput) (*api.ListKeyPoliciesOutput, error) {
	return Do[api.ListKeyPoliciesOutput](ctx, c, "ListKeyPolicies", in)
}

// ResetKeyPolicy gives a key the default policy; only the owner of the server may.
func (c *Client) ResetKeyPolicy(ctx context.Context, in *api.ResetKeyPolicyInput) error {
	return c.Call(ctx, "ResetKeyPolicy", in, &api.Void{})
}

// ExplainAccess tells whether a principal may do something, and why.
func (c *Client) ExplainAccess(ctx context.Context, in *api.ExplainAccessInput) (*api.ExplainAccessOutput, error) {
	return Do[api.ExplainAccessOutput](ctx, c, "ExplainAccess", in)
}

// WhoCan lists a page of who may do something with a key.
func (c *Client) WhoCan(ctx context.Context, in *api.WhoCanInput) (*api.WhoCanOutput, error) {
	return Do[api.WhoCanOutput](ctx, c, "WhoCan", in)
}

// CreateGrant lets a principal use a key. It is repeated after an uncertain failure only with a Name.
func (c *Client) CreateGrant(ctx context.Context, in *api.CreateGrantInput) (*api.CreateGrantOutput, error) {
	return Do[api.CreateGrantOutput](ctx, c, "CreateGrant", in)
}

// ListGrants lists a page of the grants on a key.
func (c *Client) ListGrants(ctx context.Context, in *api.ListGrantsInput) (*api.ListGrantsOutput, error) {
	return Do[api.ListGrantsOutput](ctx, c, "ListGrants", in)
}

// ListRetirableGrants lists a page of the grants that a principal may retire.
func (c *Client) ListRetirableGrants(ctx context.Context, in *api.ListRetirableGrantsInput) (*api.ListRetirableGrantsOutput, error) {
	return Do[api.ListRetirableGrantsOutput](ctx, c, "ListRetirableGrants", in)
}

// RetireGrant ends a grant, by its retiring principal or grantee.
func (c *Client) RetireGrant(ctx context.Context, in *api.RetireGrantInput) error {
	return c.Call(ctx, "RetireGrant", in, &api.Void{})
}

// RevokeGrant ends a grant, by who administers the key.
func (c *Client) RevokeGrant(ctx context.Context, in *api.RevokeGrantInput) error {
	return c.Call(ctx, "RevokeGrant", in, &api.Void{})
}
