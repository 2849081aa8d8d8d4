package cli

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) grantRevoke() *cli.Command {
	return p.change(change{
		name: "revoke", usage: "end a grant, on behalf of the key's owner", operands: "KEY GRANT", least: 2, most: 2,
		description: describe("KEY is a key id or key ARN, GRANT the id of a grant. Without --yes it only shows what would happen.",
			"keyhold grant revoke 1234abcd-12ab-4cde-8f01-1234567890ab GRANT --yes"),
		flags:     []cli.Flag{yesFlag("do it")},
		operation: "RevokeGrant", done: "revoked", subject: func(c *cli.Context) string { return c.Args().Get(1) },
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.RevokeGrantInput{KeyID: operand(c, 0), GrantID: operand(c, 1)}, nil
		},
		harm: func(ctx context.Context, c *cli.Context, s *session) error {
			return p.previewGrant(ctx, c, s, "revoke a grant")
		},
	})
}

func (p *program) grantRetire() *cli.Command {
	return p.change(change{
		name: "retire", usage: "end a grant, on behalf of whom it names for that", operands: "[KEY GRANT]", least: 0, most: 2,
		description: describe("KEY is a key ARN, or a key id, and GRANT the id of a grant; or name it by its token. The root of the account may when\n"+
			"the account is the retiring principal; to end any other grant of a key: keyhold grant revoke. Without --yes it only\n"+
			"tells whether it would be done.",
			"keyhold grant retire --token TOKEN --yes"),
		flags: []cli.Flag{
			&cli.StringFlag{Name: "token", Usage: "the `TOKEN` that grant create printed"},
			yesFlag("do it"),
		},
		operation: "RetireGrant", done: "retired", subject: retiredGrant,
		input: retireInput,
		harm:  p.previewRetirement,
	})
}

// retiredGrant is what is said of the grant that was retired.
func retiredGrant(c *cli.Context) string {
	return or(c.Args().Get(1), "the grant of the token")
}

func retireInput(c *cli.Context) (kms.Input, error) {
	if c.IsSet("token") == (c.NArg() > 0) || c.NArg() == 1 {
		return nil, usagef(c, "name the grant by KEY and GRANT, or by --token: in one of these ways")
	}
	return &api.RetireGrantInput{GrantToken: flagText(c, "token"), KeyID: operand(c, 0), GrantID: operand(c, 1)}, nil
}

// previewGrant shows the grant that two operands name.
func (p *program) previewGrant(ctx context.Context, c *cli.Context, s *session, would string) error {
	out, err := ask[api.ListGrantsOutput](ctx, s, "ListGrants", &api.ListGrantsInput{KeyID: operand(c, 0), GrantID: operand(c, 1)})
	if err != nil {
		return err
	}
	if len(out.Grants) == 0 {
		return api.NotFoundGrant(c.Args().Get(1))
	}
	return p.preview(c, would, func(t *table) { t.grants(out.Grants, true) }, "its grantee can do after that only what policies and other grants allow")
}

// previewRetirement asks first whether the caller may, since that is the grant's own matter.
func (p *program) previewRetirement(ctx context.Context, c *cli.Context, s *session) error {
	in := &api.RetireGrantInput{GrantToken: flagText(c, "token"), KeyID: operand(c, 0), GrantID: operand(c, 1), DryRun: new(true)}
	_, err := s.do(ctx, "RetireGrant", in)
	if !errors.Is(err, &api.Error{Name: api.DryRunOperationException}) {
		return err
	}
	return p.preview(c, "retire a grant", func(t *table) { t.fact("Grant", retiredGrant(c)) },
		"its grantee can do after that only what policies and other grants allow")
}
