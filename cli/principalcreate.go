package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
	"github.com/urfave/cli/v2"
)

func (p *program) principalCreate() *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "make a user or role", ArgsUsage: "user|role NAME",
		Description: describe("Makes a user, which can have access keys, or a role, which is assumed for a while by whom its trust policy names.\n"+
			"A new principal may do nothing but what key policies give it: identity policies and grants give it more. The policies\n"+
			"are looked at before anything is made.",
			"keyhold principal create user alice --administrator",
			"keyhold principal create user billing --policy-file use=billing.json --tag team=billing",
			"keyhold principal create role batch --trust trust.json --max-session 4h"),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "path", Usage: "the `PATH` in the ARN, such as /team/ (default: /)"},
			&cli.StringSliceFlag{Name: "policy-file", Usage: "an identity policy `NAME=FILE`, - for the standard input; may be repeated"},
			&cli.BoolFlag{Name: "administrator", Usage: "with an identity policy that allows everything in the account, named administrator"},
		}, principalFlags()...),
		Action: p.command(2, 2, p.createPrincipal),
	}
}

// principalFlags are those of create and update.
func principalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "description", Usage: "what the principal is for, as `TEXT`"},
		&cli.StringSliceFlag{Name: "tag", Usage: "a tag `NAME=VALUE`; may be repeated"},
		&cli.StringFlag{Name: "trust", Usage: "of a role: who may assume it, a trust policy as a JSON `FILE`, or - for the standard input", TakesFile: true},
		&cli.StringFlag{Name: "max-session", Usage: "of a role: its longest session, a `TIME` from 1h to 12h such as 90m"},
	}
}

// administrator is the name of the identity policy that allows everything in the account.
const administrator = "administrator"

const administratorPolicy = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Everything",
      "Effect": "Allow",
      "Action": ["kms:*", "keyhold:*", "sts:AssumeRole"],
      "Resource": "*"
    }
  ]
}
`

// namedPolicy is an identity policy to be.
type namedPolicy struct{ name, document string }

func (p *program) createPrincipal(c *cli.Context) error {
	kind, err := kindOf(c, true)
	if err != nil {
		return err
	}
	in := &api.CreatePrincipalInput{Kind: operand(c, 0), Name: operand(c, 1), Path: flagText(c, "path"), Description: flagText(c, "description")}
	if in.Tags, err = tagMap(c); err != nil {
		return err
	}
	if in.TrustPolicy, in.MaxSessionDuration, err = p.roleMembers(c); err != nil {
		return err
	}
	if kind == kms.Role && in.TrustPolicy == nil {
		return usagef(c, "--trust is missing: a role needs a trust policy, which says who may assume it")
	}
	policies, err := p.initialPolicies(c)
	if err != nil {
		return err
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		out, err := ask[api.CreatePrincipalOutput](ctx, s, "CreatePrincipal", in)
		if err != nil {
			return err
		}
		if err := p.showPrincipal(c, out, out.Principal, policyNames(policies)); err != nil {
			return err
		}
		return givePolicies(ctx, s, out.Principal, policies)
	})
}

func policyNames(policies []namedPolicy) []fact {
	var names []string
	for _, policy := range policies {
		names = append(names, policy.name)
	}
	return []fact{{"Policies", strings.Join(names, ", ")}}
}

// givePolicies puts the policies of a new principal. The principal stays when that fails, so the error says so.
func givePolicies(ctx context.Context, s *session, a api.Principal, policies []namedPolicy) error {
	for _, policy := range policies {
		in := &api.PutPrincipalPolicyInput{Principal: &a.PrincipalID, PolicyName: &policy.name, Policy: &policy.document}
		if _, err := ask[api.PutPrincipalPolicyOutput](ctx, s, "PutPrincipalPolicy", in); err != nil {
			return advise(fmt.Errorf("%s is made, but not its policy %s: %w", refOf(a), policy.name, err),
				"put it with: keyhold principal policy put %s %s FILE", refOf(a), shellWord(policy.name))
		}
	}
	return nil
}

// initialPolicies reads the policies of a principal to be, and refuses those that the operation would refuse.
func (p *program) initialPolicies(c *cli.Context) ([]namedPolicy, error) {
	names, files, err := pairsOf(c, c.StringSlice("policy-file"), "--policy-file", "NAME=FILE")
	if err != nil {
		return nil, err
	}
	var list []namedPolicy
	if c.Bool(administrator) {
		list = append(list, namedPolicy{administrator, administratorPolicy})
	}
	for _, name := range names {
		if name == administrator && c.Bool(administrator) {
			return nil, usagef(c, "--administrator is a policy of that name; call the other one differently")
		}
		document, err := p.readPolicy(c, files[name])
		if err != nil {
			return nil, err
		}
		in := &api.PutPrincipalPolicyInput{Principal: new("the-new-one"), PolicyName: &name, Policy: &document}
		if err := in.Validate(); err != nil {
			return nil, fmt.Errorf("nobody was made: %w", err)
		}
		if _, err := policy.Parse(policy.IdentityPolicy, document); err != nil {
			return nil, advise(fmt.Errorf("nobody was made: %s: %w", files[name], err),
				"see all that is wrong with it: keyhold policy check %s --kind identity", shellWord(files[name]))
		}
		account, _ := actingAccount(c)
		p.sayWarnings(policy.IdentityPolicy, files[name], document, account)
		list = append(list, namedPolicy{name, document})
	}
	return list, nil
}

// readPolicy reads a policy from a file or the standard input.
func (p *program) readPolicy(c *cli.Context, file string) (string, error) {
	document, err := p.readInput(c.Context, file, api.MaxPolicy)
	return string(document), err
}

// tagMap reads --tag as tags of principals: nil when there are none.
func tagMap(c *cli.Context) (map[string]string, error) {
	_, tags, err := pairs(c, c.StringSlice("tag"), "tag")
	if len(tags) == 0 {
		return nil, err
	}
	return tags, err
}

// roleMembers reads --trust and --max-session.
func (p *program) roleMembers(c *cli.Context) (trust *string, seconds *int32, err error) {
	if c.IsSet("max-session") {
		if seconds, err = flagSeconds(c, "max-session", api.MinSessionDuration, api.MaxSessionDuration); err != nil {
			return nil, nil, err
		}
	}
	if c.IsSet("trust") {
		document, err := p.readPolicy(c, c.String("trust"))
		if err != nil {
			return nil, nil, err
		}
		account, _ := actingAccount(c)
		p.sayWarnings(policy.TrustPolicy, c.String("trust"), document, account)
		trust = &document
	}
	return trust, seconds, nil
}

// flagSeconds reads a flag as a time from least to most seconds.
func flagSeconds(c *cli.Context, name string, least, most int) (*int32, error) {
	d, err := time.ParseDuration(c.String(name))
	if seconds := d / time.Second; err == nil && d%time.Second == 0 && int(seconds) >= least && int(seconds) <= most {
		return new(int32(seconds)), nil
	}
	return nil, usagef(c, "--%s is %q: want a time from %s to %s, such as 90m or 4h", name, c.String(name),
		shortly(least), shortly(most))
}

// shortly is a time without the zeros of time.Duration.
func shortly(seconds int) string {
	text := (time.Duration(seconds) * time.Second).String()
	text = strings.TrimSuffix(text, "0s")
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
