package cli

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
	"github.com/urfave/cli/v2"
)

func (p *program) principalPolicy() *cli.Command {
	return &cli.Command{
		Name: "policy", Usage: "the identity policies of a user or role: what it may do where key policies leave that to the account",
		Subcommands: guided(principalPolicySteps, p.principalPolicyPut(), p.principalPolicyGet(), p.principalPolicyList(), p.principalPolicyDelete()),
	}
}

// principalPolicySteps are the next steps after errors of the group. A principal that is missing and a policy that is
// missing have one name.
var principalPolicySteps = map[string]string{
	api.LimitExceededException:           principalSteps[api.LimitExceededException],
	api.MalformedPolicyDocumentException: principalSteps[api.MalformedPolicyDocumentException],
	api.NotFoundException: "write user/NAME or role/NAME, an ARN or a unique id; see what there is with: keyhold principal list, keyhold " +
		"principal policy list PRINCIPAL",
}

func (p *program) principalPolicyPut() *cli.Command {
	return p.change(change{
		name: "put", usage: "give a principal a policy, or replace the one of that name", operands: "PRINCIPAL NAME FILE|-", least: 3, most: 3,
		description: describe(who+"FILE is JSON, - the standard input. It holds from the moment the command returns. What is probably not meant\nis said.",
			"keyhold principal policy put user/alice use-orders policy.json"),
		operation: "PutPrincipalPolicy", done: "the policy is put",
		input: func(c *cli.Context) (kms.Input, error) {
			document, err := p.readPolicy(c, c.Args().Get(2))
			account, _ := actingAccount(c)
			p.sayWarnings(policy.IdentityPolicy, c.Args().Get(2), document, account)
			return &api.PutPrincipalPolicyInput{Principal: operand(c, 0), PolicyName: operand(c, 1), Policy: &document}, err
		},
	})
}

func (p *program) principalPolicyGet() *cli.Command {
	return &cli.Command{
		Name: "get", Usage: "print a policy as it was given", ArgsUsage: "PRINCIPAL NAME",
		Description: describe(who, "keyhold principal policy get user/alice use-orders"),
		Action: p.command(2, 2, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error {
				in := &api.GetPrincipalPolicyInput{Principal: operand(c, 0), PolicyName: operand(c, 1)}
				out, err := ask[api.GetPrincipalPolicyOutput](ctx, s, "GetPrincipalPolicy", in)
				if err != nil {
					return err
				}
				return p.showPolicy(c, out, out.Policy)
			})
		}),
	}
}

// showPolicy prints a document to the octet, so that what is printed can be put again. A terminal gets no control
// characters, and a line break at the end.
func (p *program) showPolicy(c *cli.Context, out any, document string) error {
	switch {
	case wantsJSON(c):
		return p.show(c, out, nil)
	case isTerminal(p.out):
		return p.print([]byte(legible(document) + "\n"))
	}
	return p.print([]byte(document))
}

func (p *program) principalPolicyList() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the names of a principal's policies", ArgsUsage: "PRINCIPAL",
		Description: describe(who, "keyhold principal policy list user/alice"),
		Flags:       pageFlags(),
		Action: p.command(1, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error { return p.listPrincipalPolicies(ctx, c, s) })
		}),
	}
}

func (p *program) listPrincipalPolicies(ctx context.Context, c *cli.Context, s *session) error {
	return list[api.ListPrincipalPoliciesOutput, string]{
		page: func(limit *int32, marker *string) (*api.ListPrincipalPoliciesOutput, error) {
			in := &api.ListPrincipalPoliciesInput{Principal: operand(c, 0), Limit: limit, Marker: marker}
			return ask[api.ListPrincipalPoliciesOutput](ctx, s, "ListPrincipalPolicies", in)
		},
		part: func(page *api.ListPrincipalPoliciesOutput) (*[]string, bool, string) {
			return &page.PolicyNames, page.Truncated, page.NextMarker
		},
		head: []string{"POLICY"},
		row: func(name string) []string {
			return []string{name}
		},
	}.show(p, c)
}

func (p *program) principalPolicyDelete() *cli.Command {
	return p.change(change{
		name: "delete", usage: "take a policy away from a principal", operands: "PRINCIPAL NAME", least: 2, most: 2,
		description: describe(who+"Without --yes it only shows what would happen.", "keyhold principal policy delete user/alice use-orders --yes"),
		flags:       []cli.Flag{yesFlag("do it")},
		operation:   "DeletePrincipalPolicy", done: "the policy is deleted",
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.DeletePrincipalPolicyInput{Principal: operand(c, 0), PolicyName: operand(c, 1)}, nil
		},
		harm: func(ctx context.Context, c *cli.Context, s *session) error {
			in := &api.GetPrincipalPolicyInput{Principal: operand(c, 0), PolicyName: operand(c, 1)}
			out, err := ask[api.GetPrincipalPolicyOutput](ctx, s, "GetPrincipalPolicy", in)
			if err != nil {
				return err
			}
			return p.preview(c, "delete an identity policy", func(t *table) {
				t.fact("Principal", out.Arn)
				t.fact("Policy", out.PolicyName)
				t.line(legible(out.Policy))
			}, "what it allows or denies and nothing else does changes at once")
		},
	})
}
