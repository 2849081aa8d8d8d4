package cli

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

// change describes a command that sends one operation whose answer is empty.
type change struct {
	name, usage, operands, description string

	least, most int // operands
	flags       []cli.Flag
	operation   string
	done        string                    // what it did to its subject, for people
	subject     func(*cli.Context) string // nil: the first operand
	input       func(*cli.Context) (kms.Input, error)
	// harm, when set, tells what the command would destroy; it is then done only with --yes.
	harm func(context.Context, *cli.Context, *session) error
}

func (p *program) change(ch change) *cli.Command {
	return &cli.Command{
		Name: ch.name, Usage: ch.usage, ArgsUsage: ch.operands, Description: ch.description, Flags: ch.flags,
		Action: p.command(ch.least, ch.most, func(c *cli.Context) error {
			in, err := ch.input(c)
			if err != nil {
				return err
			}
			return p.with(c, func(ctx context.Context, s *session) error {
				if ch.harm != nil && !c.Bool(yes) {
					return ch.harm(ctx, c, s)
				}
				out, err := ask[api.Void](ctx, s, ch.operation, in)
				if err != nil {
					return err
				}
				if wantsJSON(c) {
					return p.show(c, out, nil)
				}
				subject := c.Args().First()
				if ch.subject != nil {
					subject = ch.subject(c)
				}
				p.sayf("%s: %s", printable(subject), ch.done)
				return nil
			})
		}),
	}
}

const yes = "yes"

func yesFlag(what string) cli.Flag { return &cli.BoolFlag{Name: yes, Usage: what} }
