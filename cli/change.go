package cli

import (
	"context"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/urfave/cli/v2"
)

// change describes a command that sends one operation whose answer tells people nothing.
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
				out, err := s.do(ctx, ch.operation, in)
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

// preview says what a command would do with --yes, to what, and what follows from it; and refuses.
func (p *program) preview(c *cli.Context, would string, what func(*table), after string) error {
	p.sayf("this would %s; nothing has been changed", would)
	if err := writeTable(p.err, what); err != nil {
		return err
	}
	p.sayf("%s. To do it: %s --yes", after, typed(c))
	return errReported
}

// typed is the command as it was typed: its own flags and operands, as words of a shell.
func typed(c *cli.Context) string {
	words := []string{called(c)}
	for _, operand := range c.Args().Slice() {
		words = append(words, shellWord(operand))
	}
	for _, f := range c.Command.Flags {
		if name := f.Names()[0]; c.IsSet(name) && name != yes {
			words = append(words, "--"+name)
			if takesValue(f) {
				words = append(words, shellWord(c.String(name)))
			}
		}
	}
	return strings.Join(words, " ")
}

// called is the command's name, with the account that it acts for and the server that it asks: the same command for another
// one is another one.
func called(c *cli.Context) string {
	words := c.App.HelpName
	if id, given := actingAccount(c); given {
		words += " --" + accountFlag + " " + string(id)
	}
	return words + typedEndpoint(c) + strings.TrimPrefix(c.Command.HelpName, c.App.HelpName)
}

const yes = "yes"

func yesFlag(what string) cli.Flag { return &cli.BoolFlag{Name: yes, Usage: what} }
