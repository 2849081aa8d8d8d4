package cli

import (
	"context"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) aliasCommand() *cli.Command {
	return &cli.Command{
		Name: "alias", Usage: "give keys names, and move the names",
		Subcommands: []*cli.Command{p.aliasCreate(), p.aliasUpdate(), p.aliasDelete(), p.aliasList()},
	}
}

const aliasPrefix = "alias/"

// aliasName adds the prefix that the API demands, where it is missing. ARNs are left for the API to judge.
func aliasName(name string) string {
	if strings.HasPrefix(name, aliasPrefix) || strings.HasPrefix(name, "arn:") {
		return name
	}
	return aliasPrefix + name
}

func aliasOperand(c *cli.Context) string { return aliasName(c.Args().First()) }

func (p *program) aliasCreate() *cli.Command {
	return p.change(change{
		name: "create", usage: "give a key a new name", operands: "NAME KEY", least: 2, most: 2,
		description: describe("NAME may be written with or without alias/ in front. KEY is a key id or key ARN.",
			"keyhold alias create orders 1234abcd-12ab-4cde-8f01-1234567890ab"),
		operation: "CreateAlias", done: "created", subject: aliasOperand,
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.CreateAliasInput{AliasName: new(aliasOperand(c)), TargetKeyID: operand(c, 1)}, nil
		},
	})
}

func (p *program) aliasUpdate() *cli.Command {
	return p.change(change{
		name: "update", usage: "move a name to another key", operands: "NAME KEY", least: 2, most: 2,
		description: describe("NAME may be written with or without alias/ in front. KEY is a key id or key ARN. What the first key\n"+
			"encrypted stays readable: a ciphertext knows its key.",
			"keyhold alias update orders 5678abcd-12ab-4cde-8f01-1234567890ab"),
		operation: "UpdateAlias", done: "updated", subject: aliasOperand,
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.UpdateAliasInput{AliasName: new(aliasOperand(c)), TargetKeyID: operand(c, 1)}, nil
		},
	})
}

func (p *program) aliasDelete() *cli.Command {
	return p.change(change{
		name: "delete", usage: "remove a name; the key stays", operands: "NAME", least: 1, most: 1,
		description: describe("NAME may be written with or without alias/ in front. Programs that use the name stop working. Without --yes\n"+
			"it only shows what would happen.",
			"keyhold alias delete orders --yes"),
		flags:     []cli.Flag{yesFlag("do it")},
		operation: "DeleteAlias", done: "deleted", subject: aliasOperand,
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.DeleteAliasInput{AliasName: new(aliasOperand(c))}, nil
		},
		harm: p.previewAliasDeletion,
	})
}

func (p *program) previewAliasDeletion(ctx context.Context, c *cli.Context, s *session) error {
	name := aliasOperand(c)
	out, err := ask[api.DescribeKeyOutput](ctx, s, "DescribeKey", &api.DescribeKeyInput{KeyID: &name})
	if err != nil {
		return err
	}
	p.sayf("this would remove the name %s from key %s; nothing has been changed", printable(name), out.KeyMetadata.KeyID)
	p.sayf("programs that use the name stop working after that. To do it: %s %s --yes", called(c), printable(c.Args().First()))
	return errReported
}

func (p *program) aliasList() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list names, of all keys or of one", ArgsUsage: "[KEY]",
		Description: describe("Lists the account's aliases in alphabetical order, 50 a page. KEY is a key id or key ARN.", "keyhold alias list"),
		Flags:       pageFlags(),
		Action: p.command(0, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error { return p.listAliases(ctx, c, s) })
		}),
	}
}

func (p *program) listAliases(ctx context.Context, c *cli.Context, s *session) error {
	return list[api.ListAliasesOutput, api.AliasListEntry]{
		page: func(limit *int32, marker *string) (*api.ListAliasesOutput, error) {
			return ask[api.ListAliasesOutput](ctx, s, "ListAliases", &api.ListAliasesInput{KeyID: operand(c, 0), Limit: limit, Marker: marker})
		},
		part: func(page *api.ListAliasesOutput) (*[]api.AliasListEntry, bool, string) {
			return &page.Aliases, page.Truncated, page.NextMarker
		},
		head: []string{"ALIAS", "KEY ID", "UPDATED"},
		row: func(a api.AliasListEntry) []string {
			return []string{a.AliasName, or(a.TargetKeyID, "-"), or(instant(a.LastUpdatedDate), "-")}
		},
	}.show(p, c)
}
