package client

import (
	"context"

	"github.com/keyhold/keyhold/kms/api"
)

// CreateAccount makes an account.
func (c *Client) CreateAccount(ctx context.Context, in *api.CreateAccountInput) (*api.CreateAccountOutput, error) {
	return Do[api.CreateAccountOutput](ctx, c, "CreateAccount", in)
}

// ListAccounts lists a page of the accounts.
func (c *Client) ListAccounts(ctx context.Context, in *api.ListAccountsInput) (*api.ListAccountsOutput, error) {
	return Do[api.ListAccountsOutput](ctx, c, "ListAccounts", in)
}

// EnableAccount lets an account in again.
func (c *Client) EnableAccount(ctx context.Context, in *api.EnableAccountInput) (*api.EnableAccountOutput, error) {
	return Do[api.EnableAccountOutput](ctx, c, "EnableAccount", in)
}

// DisableAccount shuts an account out.
func (c *Client) DisableAccount(ctx context.Context, in *api.DisableAccountInput) (*api.DisableAccountOutput, error) {
	return Do[api.DisableAccountOutput](ctx, c, "DisableAccount", in)
}

// DeleteAccount removes an account that holds nothing.
func (c *Client) DeleteAccount(ctx context.Context, in *api.DeleteAccountInput) (*api.DeleteAccountOutput, error) {
	return Do[api.DeleteAccountOutput](ctx, c, "DeleteAccount", in)
}

// CreatePrincipal makes a user or a role.
func (c *Client) CreatePrincipal(ctx context.Context, in *api.CreatePrincipalInput) (*api.CreatePrincipalOutput, error) {
	return Do[api.CreatePrincipalOutput](ctx, c, "CreatePrincipal", in)
}

// DescribePrincipal describes a user or a role.
func (c *Client) DescribePrincipal(ctx context.Context, in *api.DescribePrincipalInput) (*api.DescribePrincipalOutput, error) {
	return Do[api.DescribePrincipalOutput](ctx, c, "DescribePrincipal", in)
}

// ListPrincipals lists a page of the users and roles of the account.
func (c *Client) ListPrincipals(ctx context.Context, in *api.ListPrincipalsInput) (*api.ListPrincipalsOutput, error) {
	return Do[api.ListPrincipalsOutput](ctx, c, "ListPrincipals", in)
}

// UpdatePrincipal changes what describes a user or a role, and who may assume a role.
func (c *Client) UpdatePrincipal(ctx context.Context, in *api.UpdatePrincipalInput) (*api.UpdatePrincipalOutput, error) {
	return Do[api.UpdatePrincipalOutput](ctx, c, "UpdatePrincipal", in)
}

// EnablePrincipal lets a user or a role in again.
func (c *Client) EnablePrincipal(ctx context.Context, in *api.EnablePrincipalInput) (*api.EnablePrincipalOutput, error) {
	return Do[api.EnablePrincipalOutput](ctx, c, "EnablePrincipal", in)
}

// DisablePrincipal shuts a user or a role out.
func (c *Client) DisablePrincipal(ctx context.Context, in *api.DisablePrincipalInput) (*api.DisablePrincipalOutput, error) {
	return Do[api.DisablePrincipalOutput](ctx, c, "DisablePrincipal", in)
}

// DeletePrincipal removes a user or a role.
func (c *Client) DeletePrincipal(ctx context.Context, in *api.DeletePrincipalInput) (*api.DeletePrincipalOutput, error) {
	return Do[api.DeletePrincipalOutput](ctx, c, "DeletePrincipal", in)
}

// PutPrincipalPolicy gives a user or a role a policy, or replaces the one of that name.
func (c *Client) PutPrincipalPolicy(ctx context.Context, in *api.PutPrincipalPolicyInput) (*api.PutPrincipalPolicyOutput, error) {
	return Do[api.PutPrincipalPolicyOutput](ctx, c, "PutPrincipalPolicy", in)
}

// GetPrincipalPolicy reads a policy of a user or a role.
func (c *Client) GetPrincipalPolicy(ctx context.Context, in *api.GetPrincipalPolicyInput) (*api.GetPrincipalPolicyOutput, error) {
	return Do[api.GetPrincipalPolicyOutput](ctx, c, "GetPrincipalPolicy", in)
}

// ListPrincipalPolicies lists a page of the names of the policies of a user or a role.
func (c *Client) ListPrincipalPolicies(ctx context.Context, in *api.ListPrincipalPoliciesInput) (*api.ListPrincipalPoliciesOutput, error) {
	return Do[api.ListPrincipalPoliciesOutput](ctx, c, "ListPrincipalPolicies", in)
}

// DeletePrincipalPolicy takes a policy from a user or a role.
func (c *Client) DeletePrincipalPolicy(ctx context.Context, in *api.DeletePrincipalPolicyInput) (*api.DeletePrincipalPolicyOutput, error) {
	return Do[api.DeletePrincipalPolicyOutput](ctx, c, "DeletePrincipalPolicy", in)
}

// RevokeSessions ends every session of a role that was begun so far.
func (c *Client) RevokeSessions(ctx context.Context, in *api.RevokeSessionsInput) (*api.RevokeSessionsOutput, error) {
	return Do[api.RevokeSessionsOutput](ctx, c, "RevokeSessions", in)
}

// CreateAccessKey makes credentials for a user; the answer shows the secret this once.
func (c *Client) CreateAccessKey(ctx context.Context, in *api.CreateAccessKeyInput) (*api.CreateAccessKeyOutput, error) {
	return Do[api.CreateAccessKeyOutput](ctx, c, "CreateAccessKey", in)
}

// ListAccessKeys lists the access keys of a user.
func (c *Client) ListAccessKeys(ctx context.Context, in *api.ListAccessKeysInput) (*api.ListAccessKeysOutput, error) {
	return Do[api.ListAccessKeysOutput](ctx, c, "ListAccessKeys", in)
}

// EnableAccessKey lets an access key in again.
func (c *Client) EnableAccessKey(ctx context.Context, in *api.EnableAccessKeyInput) error {
	return c.Call(ctx, "EnableAccessKey", in, &api.Void{})
}

// DisableAccessKey shuts an access key out.
func (c *Client) DisableAccessKey(ctx context.Context, in *api.DisableAccessKeyInput) error {
	return c.Call(ctx, "DisableAccessKey", in, &api.Void{})
}

// DeleteAccessKey removes an access key.
func (c *Client) DeleteAccessKey(ctx context.Context, in *api.DeleteAccessKeyInput) error {
	return c.Call(ctx, "DeleteAccessKey", in, &api.Void{})
}
