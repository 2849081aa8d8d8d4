package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) keyCommand() *cli.Command {
	return &cli.Command{
		Name: "key", Usage: "create, look at, rotate and delete keys",
		Subcommands: []*cli.Command{
			p.keyCreate(), p.keyList(), p.keyDescribe(), p.keyEnable(), p.keyDisable(),
			p.keyRotate(), p.keyRotations(), p.keyAutoRotation(),
			p.keyDelete(), p.keyCancelDelete(),
			p.keyUpdate(), p.keyTag(), p.keyUntag(), p.keyTags(),
		},
	}
}

func (p *program) keyCreate() *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "make a key in the token", ArgsUsage: noOperands,
		Description: describe("Makes an AES-256 key in the token and prints what it is. The policy is that of AWS's own default:\n"+
			"the account's root has every permission.",
			"keyhold key create --description 'order data' --tag team=orders --alias orders"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "description", Usage: "what the key is for, as `TEXT`"},
			&cli.StringSliceFlag{Name: "tag", Usage: "a tag `NAME=VALUE`; may be repeated"},
			&cli.StringFlag{Name: "policy", Usage: "key policy, a JSON `FILE`, or - for the standard input", TakesFile: true},
			&cli.StringFlag{Name: "alias", Usage: "a `NAME` for the key, with or without alias/ in front"},
		},
		Action: p.command(0, 0, p.createKey),
	}
}

func (p *program) createKey(c *cli.Context) error {
	in := &api.CreateKeyInput{Description: flagText(c, "description")}
	var err error
	if in.Tags, err = tagsOf(c, c.StringSlice("tag")); err != nil {
		return err
	}
	if name := c.String("policy"); name != "" {
		document, err := p.readInput(c.Context, name, api.MaxPolicy)
		if err != nil {
			return err
		}
		in.Policy = new(string(document))
	}
	alias, err := newAlias(c.String("alias"))
	if err != nil {
		return err
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		if err := refuseTaken(ctx, s, alias); err != nil {
			return err
		}
		out, err := ask[api.CreateKeyOutput](ctx, s, "CreateKey", in)
		if err != nil {
			return err
		}
		if err := p.show(c, out, func(t *table) { t.metadata(out.KeyMetadata) }); err != nil {
			return err
		}
		return nameKey(ctx, s, alias, out.KeyMetadata.KeyID)
	})
}

// newAlias is the full name of an alias to be, "" where none was given. One that CreateAlias would refuse is refused
// before there is a key.
func newAlias(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	name = aliasName(name)
	in := &api.CreateAliasInput{AliasName: &name, TargetKeyID: new("the new key")}
	err := in.Validate()
	if err == nil {
		err = api.CheckAliasName(name)
	}
	if err != nil {
		return "", fmt.Errorf("no key was made: %w", err)
	}
	return name, nil
}

// refuseTaken refuses an alias that is there already.
func refuseTaken(ctx context.Context, s *session, alias string) error {
	if alias == "" {
		return nil
	}
	out, err := ask[api.DescribeKeyOutput](ctx, s, "DescribeKey", &api.DescribeKeyInput{KeyID: &alias})
	var wire *api.Error
	switch {
	case err == nil: // a key and its aliases are of one account and region
		err = api.AlreadyExistsAlias(strings.TrimSuffix(out.KeyMetadata.Arn, "key/"+out.KeyMetadata.KeyID) + alias)
	case errors.As(err, &wire) && wire.Name == api.NotFoundException:
		return nil
	}
	return fmt.Errorf("no key was made: %w", err)
}

// nameKey gives a new key its alias. The key stays when that fails, as it can when the disk fills
// meanwhile, so the error says so.
func nameKey(ctx context.Context, s *session, alias, key string) error {
	if alias == "" {
		return nil
	}
	in := &api.CreateAliasInput{AliasName: &alias, TargetKeyID: &key}
	if _, err := ask[api.CreateAliasOutput](ctx, s, "CreateAlias", in); err != nil {
		return advise(fmt.Errorf("the key is made, but not its alias: %w", err), "choose a name and run: keyhold alias create NAME %s", key)
	}
	return nil
}

func (t *table) metadata(m api.KeyMetadata) {
	t.fact("Key ID", m.KeyID)
	t.fact("Key ARN", m.Arn)
	t.fact("Description", m.Description)
	t.fact("State", string(m.KeyState))
	t.fact("Deletion date", instant(m.DeletionDate))
	t.fact("Created", instant(m.CreationDate))
	t.fact("Spec", string(m.KeySpec))
	t.fact("Usage", string(m.KeyUsage))
	t.fact("Origin", string(m.Origin))
	t.fact("Manager", string(m.KeyManager))
	t.fact("Key material", m.CurrentKeyMaterialID)
}

func (p *program) keyDescribe() *cli.Command {
	return &cli.Command{
		Name: "describe", Usage: "tell what a key is and in which state", ArgsUsage: "KEY",
		Description: describe("KEY is a key id, key ARN, alias/NAME or alias ARN.", "keyhold key describe alias/orders"),
		Action: p.command(1, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error {
				out, err := ask[api.DescribeKeyOutput](ctx, s, "DescribeKey", &api.DescribeKeyInput{KeyID: operand(c, 0)})
				if err != nil {
					return err
				}
				return p.show(c, out, func(t *table) { t.metadata(out.KeyMetadata) })
			})
		}),
	}
}

func (p *program) keyEnable() *cli.Command {
	return p.change(change{
		name: "enable", usage: "let a disabled key be used again", operands: "KEY", least: 1, most: 1,
		description: describe("KEY is a key id or key ARN.", "keyhold key enable 1234abcd-12ab-4cde-8f01-1234567890ab"),
		operation:   "EnableKey", done: "enabled",
		input: func(c *cli.Context) (kms.Input, error) { return &api.EnableKeyInput{KeyID: operand(c, 0)}, nil },
	})
}

func (p *program) keyDisable() *cli.Command {
	return p.change(change{
		name: "disable", usage: "stop all use of a key until it is enabled again", operands: "KEY", least: 1, most: 1,
		description: describe("KEY is a key id or key ARN. What the key encrypted cannot be read until it is enabled again.",
			"keyhold key disable 1234abcd-12ab-4cde-8f01-1234567890ab"),
		operation: "DisableKey", done: "disabled",
		input: func(c *cli.Context) (kms.Input, error) { return &api.DisableKeyInput{KeyID: operand(c, 0)}, nil },
	})
}

func (p *program) keyUpdate() *cli.Command {
	return p.change(change{
		name: "update", usage: "replace a key's description", operands: "KEY", least: 1, most: 1,
		description: describe("KEY is a key id or key ARN. An empty description removes what is there.",
			"keyhold key update 1234abcd-12ab-4cde-8f01-1234567890ab --description 'order data, EU'"),
		flags:     []cli.Flag{&cli.StringFlag{Name: "description", Usage: "what the key is for, as `TEXT`"}},
		operation: "UpdateKeyDescription", done: "description replaced",
		input: func(c *cli.Context) (kms.Input, error) {
			if !c.IsSet("description") {
				return nil, usagef(c, "--description is missing")
			}
			return &api.UpdateKeyDescriptionInput{KeyID: operand(c, 0), Description: flagText(c, "description")}, nil
		},
	})
}
