package cli

import (
	"context"
	"fmt"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/urfave/cli/v2"
)

func (p *program) keyRotate() *cli.Command {
	return &cli.Command{
		Name: "rotate", Usage: "give a key new key material now", ArgsUsage: "KEY",
		Description: describe("KEY is a key id or key ARN. What the older material encrypted can still be read.",
			"keyhold key rotate 1234abcd-12ab-4cde-8f01-1234567890ab"),
		Action: p.command(1, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error {
				out, err := ask[api.RotateKeyOnDemandOutput](ctx, s, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: operand(c, 0)})
				if err != nil {
					return err
				}
				return p.show(c, out, func(t *table) { t.fact("Rotated", out.KeyID) })
			})
		}),
	}
}

func (p *program) keyRotations() *cli.Command {
	return &cli.Command{
		Name: "rotations", Usage: "list a key's rotations", ArgsUsage: "KEY",
		Description: describe("KEY is a key id or key ARN. The oldest comes first.",
			"keyhold key rotations 1234abcd-12ab-4cde-8f01-1234567890ab --all-material"),
		Flags: append(pageFlags(), &cli.BoolFlag{Name: "all-material", Usage: "also the material that the key was born with"}),
		Action: p.command(1, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error { return p.listRotations(ctx, c, s) })
		}),
	}
}

func (p *program) listRotations(ctx context.Context, c *cli.Context, s *session) error {
	in := &api.ListKeyRotationsInput{KeyID: operand(c, 0)}
	if c.Bool("all-material") {
		in.IncludeKeyMaterial = new(keyspec.AllKeyMaterial)
	}
	return list[api.ListKeyRotationsOutput, api.RotationsListEntry]{
		page: func(limit *int32, marker *string) (*api.ListKeyRotationsOutput, error) {
			in.Limit, in.Marker = limit, marker
			return ask[api.ListKeyRotationsOutput](ctx, s, "ListKeyRotations", in)
		},
		part: func(page *api.ListKeyRotationsOutput) (*[]api.RotationsListEntry, bool, string) {
			return &page.Rotations, page.Truncated, page.NextMarker
		},
		head: []string{"ROTATED", "TYPE", "STATE", "KEY MATERIAL"},
		row: func(r api.RotationsListEntry) []string {
			return []string{or(instant(r.RotationDate), "-"), or(string(r.RotationType), "-"), or(string(r.KeyMaterialState), "-"), r.KeyMaterialID}
		},
	}.show(p, c)
}

// or is s, or another text where s is empty.
func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (p *program) keyAutoRotation() *cli.Command {
	return &cli.Command{
		Name: "auto-rotation", Usage: "show or set automatic rotation of a key", ArgsUsage: "KEY",
		Description: describe("KEY is a key id or key ARN. Without --on and --off it tells how things are. This version keeps the\n"+
			"setting and does not rotate on the date yet: use keyhold key rotate.",
			"keyhold key auto-rotation 1234abcd-12ab-4cde-8f01-1234567890ab --on --days 180"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "on", Usage: "turn it on, or change the period"},
			&cli.IntFlag{Name: "days", Usage: fmt.Sprintf("the period: `N` days from %d to %d (default: %d)",
				api.MinRotationPeriod, api.MaxRotationPeriod, api.DefaultRotationPeriod)},
			&cli.BoolFlag{Name: "off", Usage: "turn it off"},
		},
		Action: p.command(1, 1, p.autoRotation),
	}
}

func (p *program) autoRotation(c *cli.Context) error {
	on, off := c.Bool("on"), c.Bool("off")
	if on && off {
		return usagef(c, "--on and --off exclude each other")
	}
	if c.IsSet("days") && !on {
		return usagef(c, "--days goes with --on")
	}
	if err := within(c, "days", api.MinRotationPeriod, api.MaxRotationPeriod); err != nil {
		return err
	}
	operation, in := "", kms.Input(nil)
	switch {
	case on:
		operation, in = "EnableKeyRotation", &api.EnableKeyRotationInput{KeyID: operand(c, 0), RotationPeriodInDays: flagNumber(c, "days")}
	case off:
		operation, in = "DisableKeyRotation", &api.DisableKeyRotationInput{KeyID: operand(c, 0)}
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		if in != nil {
			if out, err := ask[api.Void](ctx, s, operation, in); err != nil || wantsJSON(c) {
				return orShow(err, func() error { return p.show(c, out, nil) })
			}
		}
		out, err := ask[api.GetKeyRotationStatusOutput](ctx, s, "GetKeyRotationStatus", &api.GetKeyRotationStatusInput{KeyID: operand(c, 0)})
		if err != nil {
			return err
		}
		return p.show(c, out, func(t *table) { t.rotation(out) })
	})
}

func (t *table) rotation(out *api.GetKeyRotationStatusOutput) {
	t.fact("Key", out.KeyID)
	t.fact("Automatic rotation", map[bool]string{true: "on", false: "off"}[out.KeyRotationEnabled])
	if out.RotationPeriodInDays != 0 {
		t.fact("Period", fmt.Sprintf("%d days", out.RotationPeriodInDays))
	}
	t.fact("Next rotation", instant(out.NextRotationDate))
	t.fact("Rotation on demand since", instant(out.OnDemandRotationStartDate))
}
