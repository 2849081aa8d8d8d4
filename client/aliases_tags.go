package client

import (
	"context"

	"github.com/keyhold/keyhold/kms/api"
)

// CreateAlias names a key.
func (c *Client) CreateAlias(ctx context.Context, in *api.CreateAliasInput) error {
	return c.Call(ctx, "CreateAlias", in, &api.Void{})
}

// UpdateAlias gives the name of one key to another.
func (c *Client) UpdateAlias(ctx context.Context, in *api.UpdateAliasInput) error {
	return c.Call(ctx, "UpdateAlias", in, &api.Void{})
}

// DeleteAlias takes a name away.
func (c *Client) DeleteAlias(ctx context.Context, in *api.DeleteAliasInput) error {
	return c.Call(ctx, "DeleteAlias", in, &api.Void{})
}

// ListAliases lists a page of the names, of one key or of all.
func (c *Client) ListAliases(ctx context.Context, in *api.ListAliasesInput) (*api.ListAliasesOutput, error) {
	return Do[api.ListAliasesOutput](ctx, c, "ListAliases", in)
}

// TagResource adds tags to a key, or replaces their values.
func (c *Client) TagResource(ctx context.Context, in *api.TagResourceInput) error {
	return c.Call(ctx, "TagResource", in, &api.Void{})
}

// UntagResource removes tags from a key.
func (c *Client) UntagResource(ctx context.Context, in *api.UntagResourceInput) error {
	return c.Call(ctx, "UntagResource", in, &api.Void{})
}

// ListResourceTags lists a page of the tags of a key.
func (c *Client) ListResourceTags(ctx context.Context, in *api.ListResourceTagsInput) (*api.ListResourceTagsOutput, error) {
	return Do[api.ListResourceTagsOutput](ctx, c, "ListResourceTags", in)
}
