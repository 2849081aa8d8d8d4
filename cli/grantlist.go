package cli

import (
	"context"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) grantList() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the grants of a key, or those that somebody may retire", ArgsUsage: "[KEY]",
		Description: describe("KEY is a key id or key ARN. With --retiring instead of it, grants of every key that the principal may retire are\n"+
			"listed. A principal that was deleted stands there as its unique id.",
			"keyhold grant list 1234abcd-12ab-4cde-8f01-1234567890ab --grantee user/alice",
			"keyhold grant list --retiring user/operator --all"),
		Flags: append(pageFlags(),
			&cli.StringFlag{Name: "grantee", Usage: "only those to a `PRINCIPAL`: " + whomGrants},
			&cli.StringFlag{Name: "retiring", Usage: "those of every key that a `PRINCIPAL` may retire"}),
		Action: p.command(0, 1, p.listGrants),
	}
}

func (p *program) listGrants(c *cli.Context) error {
	switch retiring := c.IsSet("retiring"); {
	case retiring == (c.NArg() > 0):
		return usagef(c, "name a KEY, or a principal with --retiring: one of them")
	case retiring && c.IsSet("grantee"):
		return usagef(c, "--grantee goes with a KEY")
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		next := listGrantsOf
		if c.IsSet("retiring") {
			next = listRetirable
		}
		all, err := list[api.ListGrantsOutput, api.GrantListEntry]{
			page: func(limit *int32, marker *string) (*api.ListGrantsOutput, error) {
				return next(ctx, c, s, limit, marker)
			},
			part: func(page *api.ListGrantsOutput) (*[]api.GrantListEntry, bool, string) {
				return &page.Grants, page.Truncated, page.NextMarker
			},
		}.read(c)
		if err != nil {
			return err
		}
		defer p.sayMore(c, all.NextMarker)
		if len(all.Grants) == 0 && !wantsJSON(c) {
			p.sayf("there are no such grants")
		}
		return p.show(c, all, func(t *table) { t.grants(all.Grants, c.IsSet("retiring")) })
	})
}

func listGrantsOf(ctx context.Context, c *cli.Context, s *session, limit *int32, marker *string) (*api.ListGrantsOutput, error) {
	grantee, err := principalFlag(ctx, c, s, "grantee")
	if err != nil {
		return nil, err
	}
	return ask[api.ListGrantsOutput](ctx, s, "ListGrants", &api.ListGrantsInput{KeyID: operand(c, 0), GranteePrincipal: grantee, Limit: limit, Marker: marker})
}

func listRetirable(ctx context.Context, c *cli.Context, s *session, limit *int32, marker *string) (*api.ListGrantsOutput, error) {
	retiring, err := principalFlag(ctx, c, s, "retiring")
	if err != nil {
		return nil, err
	}
	in := &api.ListRetirableGrantsInput{RetiringPrincipal: retiring, Limit: limit, Marker: marker}
	out, err := ask[api.ListRetirableGrantsOutput](ctx, s, "ListRetirableGrants", in)
	if err != nil {
		return nil, err
	}
	return &api.ListGrantsOutput{Grants: out.Grants, NextMarker: out.NextMarker, Truncated: out.Truncated}, nil
}

// grants shows one grant a block: ids and ARNs would make a line too long to be read.
func (t *table) grants(list []api.GrantListEntry, keys bool) {
	for i, g := range list {
		if i > 0 {
			t.line("")
		}
		t.grant(g, keys)
	}
}

func (t *table) grant(g api.GrantListEntry, key bool) {
	t.fact("Grant ID", g.GrantID)
	t.fact("Name", g.Name)
	if key {
		t.fact("Key", g.KeyID)
	}
	t.fact("Grantee", g.GranteePrincipal)
	t.fact("Operations", operationList(g.Operations))
	t.fact("Constraint", constraintText(g.Constraints))
	t.fact("Retiring", g.RetiringPrincipal)
	t.fact("Issued by", g.IssuingAccount)
	t.fact("Created", instant(g.CreationDate))
}
