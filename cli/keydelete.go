package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/urfave/cli/v2"
)

func (p *program) keyDelete() *cli.Command {
	return &cli.Command{
		Name: "delete", Usage: "schedule the deletion of a key and all it encrypted", ArgsUsage: "KEY",
		Description: describe("KEY is a key id or key ARN. The key stops working at once and is destroyed after a waiting period, in\n"+
			"which cancel-delete keeps it. This version does not destroy it on that date yet: it stays unusable. Without --yes it only\n"+
			"shows what would happen.",
			"keyhold key delete 1234abcd-12ab-4cde-8f01-1234567890ab --days 30 --yes"),
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "days", Value: api.DefaultPendingWindow, Usage: fmt.Sprintf("the waiting period: `N` days from %d to %d",
				api.MinPendingWindow, api.MaxPendingWindow)},
			yesFlag("do it"),
		},
		Action: p.command(1, 1, p.deleteKey),
	}
}

func (p *program) deleteKey(c *cli.Context) error {
	if err := within(c, "days", api.MinPendingWindow, api.MaxPendingWindow); err != nil {
		return err
	}
	in := &api.ScheduleKeyDeletionInput{KeyID: operand(c, 0), PendingWindowInDays: new(int32(c.Int("days")))}
	return p.with(c, func(ctx context.Context, s *session) error {
		if !c.Bool(yes) {
			return p.previewDeletion(ctx, c, s, in.Window())
		}
		out, err := ask[api.ScheduleKeyDeletionOutput](ctx, s, "ScheduleKeyDeletion", in)
		if err != nil {
			return err
		}
		return p.show(c, out, func(t *table) {
			t.fact("Key", out.KeyID)
			t.fact("State", string(out.KeyState))
			t.fact("Deletion date", instant(out.DeletionDate))
		})
	})
}

// previewDeletion says what --yes would do, and refuses.
func (p *program) previewDeletion(ctx context.Context, c *cli.Context, s *session, days int) error {
	out, err := ask[api.DescribeKeyOutput](ctx, s, "DescribeKey", &api.DescribeKeyInput{KeyID: operand(c, 0)})
	if err != nil {
		return err
	}
	m := out.KeyMetadata
	if m.KeyState == keyspec.StatePendingDeletion {
		return api.PendingDeletion(m.Arn)
	}
	names, err := aliasesByKey(ctx, s, &m.KeyID)
	if err != nil {
		return err
	}
	p.sayf("this would schedule the deletion of a key; nothing has been changed")
	err = writeTable(p.err, func(t *table) {
		t.fact("Key", m.Arn)
		t.fact("Description", m.Description)
		t.fact("Aliases", strings.Join(names[m.KeyID], ", "))
		t.fact("Stops working", "now")
		t.fact("Destroyed", s.now().Add(time.Duration(days)*24*time.Hour).UTC().Format(time.RFC3339))
	})
	if err != nil {
		return err
	}
	p.sayf("what it encrypted can never be read again after that. To do it: %s %s --days %d --yes", called(c), m.KeyID, days)
	return errReported
}

func (p *program) keyCancelDelete() *cli.Command {
	return &cli.Command{
		Name: "cancel-delete", Usage: "keep a key that waits for its deletion", ArgsUsage: "KEY",
		Description: describe("KEY is a key id or key ARN. The key is disabled then; key enable lets it be used again.",
			"keyhold key cancel-delete 1234abcd-12ab-4cde-8f01-1234567890ab"),
		Action: p.command(1, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error {
				out, err := ask[api.CancelKeyDeletionOutput](ctx, s, "CancelKeyDeletion", &api.CancelKeyDeletionInput{KeyID: operand(c, 0)})
				if err != nil {
					return err
				}
				defer p.sayf("the key is disabled; to use it: keyhold key enable %s", *operand(c, 0))
				return p.show(c, out, func(t *table) { t.fact("Kept", out.KeyID) })
			})
		}),
	}
}
