package cli

import (
	"context"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) principalUpdate() *cli.Command {
	return &cli.Command{
		Name: "update", Usage: "change what a user or role says of itself", ArgsUsage: "PRINCIPAL",
		Description: describe(who+"What is not named stays. Tags replace all that there are; an empty description removes what is there.",
			"keyhold principal update role/batch --max-session 8h --trust trust.json"),
		Flags:  append(principalFlags(), &cli.BoolFlag{Name: "no-tags", Usage: "remove all tags"}),
		Action: p.command(1, 1, p.updatePrincipal),
	}
}

func (p *program) updatePrincipal(c *cli.Context) error {
	in := &api.UpdatePrincipalInput{Principal: operand(c, 0), Description: flagText(c, "description")}
	var err error
	if in.Tags, err = tagMap(c); err != nil {
		return err
	}
	if c.Bool("no-tags") {
		if in.Tags != nil {
			return usagef(c, "--tag and --no-tags exclude each other")
		}
		in.Tags = map[string]string{}
	}
	if in.TrustPolicy, in.MaxSessionDuration, err = p.roleMembers(c); err != nil {
		return err
	}
	if in.Description == nil && in.Tags == nil && in.TrustPolicy == nil && in.MaxSessionDuration == nil {
		return usagef(c, "name what shall change: --description, --tag, --no-tags, --trust or --max-session")
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		out, err := ask[api.UpdatePrincipalOutput](ctx, s, "UpdatePrincipal", in)
		if err != nil {
			return err
		}
		return p.showPrincipal(c, out, out.Principal, nil)
	})
}

func (p *program) principalEnable() *cli.Command {
	return p.change(change{
		name: "enable", usage: "let a disabled user or role in again", operands: "PRINCIPAL", least: 1, most: 1,
		description: describe(who, "keyhold principal enable user/alice"),
		operation:   "EnablePrincipal", done: "enabled",
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.EnablePrincipalInput{Principal: operand(c, 0)}, nil
		},
	})
}

func (p *program) principalDisable() *cli.Command {
	return p.change(change{
		name: "disable", usage: "shut a user or role out until it is enabled again", operands: "PRINCIPAL", least: 1, most: 1,
		description: describe(who+"Access keys of the user, or sessions of the role, are refused from then on. Nothing is deleted.",
			"keyhold principal disable user/alice"),
		operation: "DisablePrincipal", done: "disabled",
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.DisablePrincipalInput{Principal: operand(c, 0)}, nil
		},
	})
}

func (p *program) principalDelete() *cli.Command {
	return p.change(change{
		name: "delete", usage: "remove a user or role with its policies and access keys", operands: "PRINCIPAL", least: 1, most: 1,
		description: describe(who+"Another one of the same name, made later, inherits nothing. Without --yes it only shows what would happen.",
			"keyhold principal delete user/alice --yes"),
		flags:     []cli.Flag{yesFlag("do it")},
		operation: "DeletePrincipal", done: "deleted",
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.DeletePrincipalInput{Principal: operand(c, 0)}, nil
		},
		harm: p.previewPrincipalDeletion,
	})
}

func (p *program) previewPrincipalDeletion(ctx context.Context, c *cli.Context, s *session) error {
	out, err := ask[api.DescribePrincipalOutput](ctx, s, "DescribePrincipal", &api.DescribePrincipalInput{Principal: operand(c, 0)})
	if err != nil {
		return err
	}
	facts, err := belongings(ctx, s, out.Principal)
	if err != nil {
		return err
	}
	return p.preview(c, "delete a "+out.Principal.Kind+", with everything below", func(t *table) {
		t.principal(out.Principal)
		for _, f := range facts {
			t.fact(f.name, f.value)
		}
	}, "programs that use it stop working at once, and policies and grants that name it give nothing to another of that name")
}

func (p *program) principalRevokeSessions() *cli.Command {
	return &cli.Command{
		Name: "revoke-sessions", Usage: "end every session of a role that has begun", ArgsUsage: "ROLE",
		Description: describe("ROLE is a name, role/NAME, an ARN or a unique id. Temporary credentials of the role are refused from then on; who may\n"+
			"assume the role can begin another session. To shut those out too: keyhold principal disable.",
			"keyhold principal revoke-sessions role/batch"),
		Action: p.command(1, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error {
				role := withKind(kms.Role, c.Args().First())
				out, err := ask[api.RevokeSessionsOutput](ctx, s, "RevokeSessions", &api.RevokeSessionsInput{Principal: &role})
				if err != nil {
					return err
				}
				return p.show(c, out, func(t *table) {
					t.fact("Role", role)
					t.fact("Sessions revoked", upTo(out.SessionsRevokedBefore))
				})
			})
		}),
	}
}

// withKind puts user/ or role/ before a bare name, for commands that are about principals of one kind. What may be a
// unique id stays.
func withKind(kind kms.PrincipalKind, ref string) string {
	if strings.ContainsAny(ref, "/:") || strings.HasPrefix(ref, string(kind.IDPrefix())) && len(ref) == 21 {
		return ref
	}
	return string(kind) + "/" + ref
}
