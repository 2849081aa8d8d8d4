package cli

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) accessKeyCommand() *cli.Command {
	return &cli.Command{
		Name: "access-key", Usage: "the credentials of users, and sessions of roles",
		Subcommands: guided(accessKeySteps,
			p.accessKeyCreate(), p.accessKeyList(), p.accessKeyEnable(), p.accessKeyDisable(), p.accessKeyDelete(), p.accessKeySession()),
	}
}

// assumeStep is the next step after a refused session.
const assumeStep = "the role's trust policy must name the user, or the user's account with an identity policy that allows sts:AssumeRole; " +
	"see both with: keyhold principal describe"

// accessKeySteps are the next steps after errors of the group.
var accessKeySteps = map[string]string{
	api.AccessDeniedException:         assumeStep,
	api.LimitExceededException:        "see which there are with keyhold access-key list USER, and delete one that nobody uses",
	api.NotFoundException:             "see what there is with: keyhold access-key list, keyhold principal list",
	api.UnsupportedOperationException: "users have access keys; a role is assumed with: keyhold access-key session",
}

// whichUser explains the operand of a command that is about users only.
const whichUser = "USER is a name, user/NAME, an ARN or a unique id.\n"

const accessKeyExample = "AKIAXAMPLEXAMPLEXAMP"

// userOperand is the first operand as a user.
func userOperand(c *cli.Context) string { return withKind(kms.User, c.Args().First()) }

func (p *program) accessKeyList() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the access keys of a user, or whose access keys there are", ArgsUsage: "[USER]",
		Description: describe(whichUser+"Without it those of every user of the account are listed. Secrets are not shown: nobody can read them again.",
			"keyhold access-key list alice"),
		Action: p.command(0, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error {
				if c.NArg() == 0 {
					return p.listAllAccessKeys(ctx, c, s)
				}
				out, err := ask[api.ListAccessKeysOutput](ctx, s, "ListAccessKeys", &api.ListAccessKeysInput{Principal: new(userOperand(c))})
				if err != nil {
					return err
				}
				return p.show(c, out, func(t *table) { t.accessKeys([]*api.ListAccessKeysOutput{out}) })
			})
		}),
	}
}

func (p *program) listAllAccessKeys(ctx context.Context, c *cli.Context, s *session) error {
	all := []*api.ListAccessKeysOutput{}
	err := p.eachUser(ctx, s, func(out *api.ListAccessKeysOutput) bool {
		if len(out.AccessKeys) > 0 {
			all = append(all, out)
		}
		return true
	})
	if err != nil {
		return err
	}
	return p.show(c, all, func(t *table) { t.accessKeys(all) })
}

func (t *table) accessKeys(all []*api.ListAccessKeysOutput) {
	t.row("ACCESS KEY ID", "STATE", "CREATED", "USER")
	for _, user := range all {
		for _, k := range user.AccessKeys {
			t.row(k.AccessKeyID, stateOf(k.State), or(instant(k.CreateDate), "-"), user.Principal)
		}
	}
}

// eachUser hands over the access keys of one user of the account after the other, until look has seen enough. A user
// whose rows were changed outside Keyhold is named and passed over: it must not hide the others.
func (p *program) eachUser(ctx context.Context, s *session, look func(*api.ListAccessKeysOutput) bool) error {
	in := &api.ListPrincipalsInput{Kind: new(string(kms.User)), Limit: new(int32(100))}
	return everyPage(nil, func(marker *string) (string, error) {
		in.Marker = marker
		page, err := ask[api.ListPrincipalsOutput](ctx, s, "ListPrincipals", in)
		if err != nil {
			return "", err
		}
		for _, user := range page.Principals {
			out, err := ask[api.ListAccessKeysOutput](ctx, s, "ListAccessKeys", &api.ListAccessKeysInput{Principal: &user.PrincipalID})
			switch {
			case errors.Is(err, &api.Error{Name: api.KMSInvalidStateException}):
				p.sayf("the access keys of %s are not looked at: %v", user.PrincipalID, err)
			case err != nil:
				return "", err
			case !look(out):
				return "", nil
			}
		}
		return further(page.Truncated, page.NextMarker)
	})
}

func (p *program) accessKeyEnable() *cli.Command {
	return p.change(change{
		name: "enable", usage: "let a disabled access key in again", operands: "ID", least: 1, most: 1,
		description: describe("ID is that of the access key.", "keyhold access-key enable "+accessKeyExample),
		operation:   "EnableAccessKey", done: "enabled",
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.EnableAccessKeyInput{AccessKeyID: operand(c, 0)}, nil
		},
	})
}

func (p *program) accessKeyDisable() *cli.Command {
	return p.change(change{
		name: "disable", usage: "refuse an access key until it is enabled again", operands: "ID", least: 1, most: 1,
		description: describe("ID is that of the access key. It is refused from the moment the command returns. This is what to do first with a key\n"+
			"that has leaked.", "keyhold access-key disable "+accessKeyExample),
		operation: "DisableAccessKey", done: "disabled",
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.DisableAccessKeyInput{AccessKeyID: operand(c, 0)}, nil
		},
	})
}

func (p *program) accessKeyDelete() *cli.Command {
	return p.change(change{
		name: "delete", usage: "remove an access key with its secret", operands: "ID", least: 1, most: 1,
		description: describe("ID is that of the access key. Without --yes it only shows whose it is and what would happen.",
			"keyhold access-key delete "+accessKeyExample+" --yes"),
		flags:     []cli.Flag{yesFlag("do it")},
		operation: "DeleteAccessKey", done: "deleted",
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.DeleteAccessKeyInput{AccessKeyID: operand(c, 0)}, nil
		},
		harm: p.previewAccessKeyDeletion,
	})
}

func (p *program) previewAccessKeyDeletion(ctx context.Context, c *cli.Context, s *session) error {
	id := c.Args().First()
	var owner string
	var found api.AccessKey
	err := p.eachUser(ctx, s, func(out *api.ListAccessKeysOutput) bool {
		for _, k := range out.AccessKeys {
			if k.AccessKeyID == id {
				owner, found = out.Principal, k
			}
		}
		return owner == ""
	})
	switch {
	case err != nil:
		return err
	case owner == "":
		return api.NotFoundAccessKey(id)
	}
	return p.preview(c, "delete an access key", func(t *table) {
		t.fact("Access key ID", id)
		t.fact("User", owner)
		t.fact("State", stateOf(found.State))
		t.fact("Created", instant(found.CreateDate))
	}, "programs that use it are refused after that, and nobody can bring it back")
}
