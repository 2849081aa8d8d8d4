package cli

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) keyTag() *cli.Command {
	return p.change(change{
		name: "tag", usage: "add tags to a key, or change their values", operands: "KEY NAME=VALUE...", least: 2, most: -1,
		description: describe("KEY is a key id or key ARN. Tags are no secrets.",
			"keyhold key tag 1234abcd-12ab-4cde-8f01-1234567890ab team=orders stage=live"),
		operation: "TagResource", done: "tagged",
		input: func(c *cli.Context) (kms.Input, error) {
			tags, err := tagsOf(c, c.Args().Tail())
			return &api.TagResourceInput{KeyID: operand(c, 0), Tags: tags}, err
		},
	})
}

func (p *program) keyUntag() *cli.Command {
	return p.change(change{
		name: "untag", usage: "remove tags from a key", operands: "KEY NAME...", least: 2, most: -1,
		description: describe("KEY is a key id or key ARN. Names that the key does not have are passed over.",
			"keyhold key untag 1234abcd-12ab-4cde-8f01-1234567890ab stage"),
		operation: "UntagResource", done: "untagged",
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.UntagResourceInput{KeyID: operand(c, 0), TagKeys: c.Args().Tail()}, nil
		},
	})
}

func (p *program) keyTags() *cli.Command {
	return &cli.Command{
		Name: "tags", Usage: "list a key's tags", ArgsUsage: "KEY",
		Description: describe("KEY is a key id or key ARN. Tags are listed in the order in which they were added.",
			"keyhold key tags 1234abcd-12ab-4cde-8f01-1234567890ab"),
		Flags: pageFlags(),
		Action: p.command(1, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error { return p.listTags(ctx, c, s) })
		}),
	}
}

func (p *program) listTags(ctx context.Context, c *cli.Context, s *session) error {
	return list[api.ListResourceTagsOutput, api.Tag]{
		page: func(limit *int32, marker *string) (*api.ListResourceTagsOutput, error) {
			return ask[api.ListResourceTagsOutput](ctx, s, "ListResourceTags", &api.ListResourceTagsInput{KeyID: operand(c, 0), Limit: limit, Marker: marker})
		},
		part: func(page *api.ListResourceTagsOutput) (*[]api.Tag, bool, string) {
			return &page.Tags, page.Truncated, page.NextMarker
		},
		head: []string{"TAG", "VALUE"},
		row: func(tag api.Tag) []string {
			return []string{tag.Key(), tag.Value()}
		},
	}.show(p, c)
}
