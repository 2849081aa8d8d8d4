package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
	"github.com/urfave/cli/v2"
)

func (p *program) policyCommand() *cli.Command {
	return &cli.Command{
		Name: "policy", Usage: "the policies of keys: who may what, and why",
		Subcommands: slices.Concat(
			guided(policySteps, p.policyGet(), p.policyPut(), p.policyCheck()),
			guided(questionSteps, p.policyExplain(), p.policyWhoCan()),
			guided(policySteps, p.policyReset())),
	}
}

// policySteps are the next steps after errors of the group.
var policySteps = map[string]string{
	api.AccessDeniedException: "if the key is the account's own, its policy keeps even the root out; the owner of the data directory brings the default policy back with: " +
		"keyhold policy reset KEY --break-glass",
	api.NotFoundException: seeKeysAndPrincipals,
}

// questionSteps are those after errors of the commands that ask who may do something.
var questionSteps = map[string]string{
	api.AccessDeniedException: "only the key's own account is told; ask as its root, with --account and the account in the key's ARN",
	api.NotFoundException:     seeKeysAndPrincipals,
}

const seeKeysAndPrincipals = "see what there is with: keyhold key list, keyhold alias list, keyhold principal list"

func (p *program) policyGet() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "print the policy of a key as it was given", ArgsUsage: "KEY",
		Description: describe("KEY is a key id or key ARN. A user or role that was deleted since stands there as its unique id.",
			"keyhold policy get 1234abcd-12ab-4cde-8f01-1234567890ab >policy.json"),
		Action: p.command(1, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error {
				out, err := ask[api.GetKeyPolicyOutput](ctx, s, "GetKeyPolicy", &api.GetKeyPolicyInput{KeyID: operand(c, 0)})
				if err != nil {
					return err
				}
				return p.showPolicy(c, out, out.Policy)
			})
		}),
	}
}

func (p *program) policyPut() *cli.Command {
	return &cli.Command{
		Name: "put", Usage: "replace the policy of a key", ArgsUsage: "KEY FILE|-",
		Description: describe("KEY is a key id or key ARN; FILE is JSON, - the standard input. The policy holds from the moment the command returns.\n"+
			"One under which nobody of the account could change it again is refused. What is probably not meant is said.",
			"keyhold policy put 1234abcd-12ab-4cde-8f01-1234567890ab policy.json"),
		Flags: []cli.Flag{&cli.BoolFlag{Name: "bypass-lockout-check", Usage: "accept a policy under which you cannot change it any more"}},
		Action: p.command(2, 2, func(c *cli.Context) error {
			document, err := p.readPolicy(c, c.Args().Get(1))
			if err != nil {
				return err
			}
			return p.with(c, func(ctx context.Context, s *session) error { return p.putKeyPolicy(ctx, c, s, document) })
		}),
	}
}

func (p *program) putKeyPolicy(ctx context.Context, c *cli.Context, s *session, document string) error {
	in := &api.PutKeyPolicyInput{KeyID: operand(c, 0), Policy: &document, BypassPolicyLockoutSafetyCheck: flagTrue(c, "bypass-lockout-check")}
	out, err := s.do(ctx, "PutKeyPolicy", in)
	if err != nil {
		return err
	}
	if wantsJSON(c) {
		return p.show(c, out, nil)
	}
	p.sayf("%s: the policy is put", printable(c.Args().First()))
	p.sayWarnings(policy.KeyPolicy, c.Args().Get(1), document, s.ownAccount(ctx))
	return nil
}

// sayWarnings says what a policy has that is probably not meant. What is wrong with it is the operation's to say.
func (p *program) sayWarnings(kind policy.Kind, file, document string, account kms.AccountID) {
	for _, f := range policy.Lint(kind, document, policy.Facts{Account: string(account), Actions: ownActions()}) {
		if f.Severity == policy.SeverityWarning {
			p.sayf("%s", findingLine(file, f))
		}
	}
}

func (p *program) policyReset() *cli.Command {
	return p.change(change{
		name: "reset", usage: "give a key the default policy back, whatever its policy says", operands: "KEY", least: 1, most: 1,
		description: describe("KEY is a key id or key ARN. This is the way back into a key whose policy lets nobody change it any more. Only the owner\n"+
			"of the data directory can, and the audit log says so. Without --yes it only shows what would happen.",
			"keyhold policy reset 1234abcd-12ab-4cde-8f01-1234567890ab --break-glass --yes"),
		flags: []cli.Flag{
			&cli.BoolFlag{Name: "break-glass", Usage: "say that you mean to pass over the key's policy"},
			yesFlag("do it"),
		},
		operation: "ResetKeyPolicy", done: "has the default policy again",
		input: func(c *cli.Context) (kms.Input, error) {
			if !c.Bool("break-glass") {
				return nil, usagef(c, "--break-glass is missing: this passes over the key's policy; a policy that can be changed is changed with keyhold policy put")
			}
			return &api.ResetKeyPolicyInput{KeyID: operand(c, 0)}, nil
		},
		harm: p.previewReset,
	})
}

// previewReset shows the policy that would be lost, if the present policy lets it be shown.
func (p *program) previewReset(ctx context.Context, c *cli.Context, s *session) error {
	lost := ""
	out, err := ask[api.GetKeyPolicyOutput](ctx, s, "GetKeyPolicy", &api.GetKeyPolicyInput{KeyID: operand(c, 0)})
	switch {
	case err == nil:
		lost = legible(out.Policy)
	case isDenied(err):
		lost = "(it does not let the root of the account read it)"
	default:
		return err
	}
	return p.preview(c, "replace the policy of a key by the default one", func(t *table) {
		t.fact("Key", c.Args().First())
		t.line("The present policy, which is not kept:")
		t.line(lost)
		t.line("The default policy:")
		t.line(policy.Default(s.realm().Partition, string(s.caller.Account)))
	}, "who may use the key today may not after that, unless an identity policy or a grant allows it")
}

// ownActions are the actions of the operations that AWS does not have.
func ownActions() []string {
	var list []string
	for _, d := range descriptions() {
		if d.Service == kms.Keyhold {
			list = append(list, "keyhold:"+d.Name)
		}
	}
	return list
}

// findingLine is a finding in the form that editors understand.
func findingLine(file string, f policy.Finding) string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", printable(file), f.Line, f.Column, f.Severity, f.Message)
}
