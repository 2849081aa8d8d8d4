package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/urfave/cli/v2"
)

func (p *program) grantCommand() *cli.Command {
	return &cli.Command{
		Name: "grant", Usage: "let somebody use one key, without touching its policy",
		Subcommands: guided(grantSteps, p.grantCreate(), p.grantList(), p.grantRevoke(), p.grantRetire()),
	}
}

// grantSteps are the next steps after errors of the group. A key that is missing and a grant that is missing have one name.
var grantSteps = map[string]string{
	api.InvalidArnException: "KEY is a key id or key ARN; a principal is " + whomGrants + ", and there is one: keyhold principal list, " +
		"keyhold account list",
	api.InvalidGrantIdException:    "a grant id is 64 hexadecimal digits; see those of a key with: keyhold grant list KEY",
	api.InvalidGrantTokenException: "give the token as grant create printed it, or name KEY and GRANT instead",
	api.NotFoundException:          "see what there is with: keyhold key list, keyhold grant list KEY, keyhold principal list",
	api.LimitExceededException:     "revoke grants that nobody needs; see them with: keyhold grant list KEY --all",
}

// whomGrants explains how grants name principals.
const whomGrants = "user/NAME, role/NAME, an ARN, a unique id or an account"

func (p *program) grantCreate() *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "make a grant on a key", ArgsUsage: "KEY",
		Description: describe("KEY is a key id or key ARN. The grant allows the operations to its grantee, and to nobody else. It holds at once; the\n"+
			"token that is printed names the grant, and is no secret. A grant of the same name and content is made once only.",
			"keyhold grant create 1234abcd-12ab-4cde-8f01-1234567890ab --grantee user/alice \\",
			"   --operation Encrypt --operation Decrypt --context-subset app=shop --name orders"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "grantee", Usage: "the `PRINCIPAL` who may: " + whomGrants},
			&cli.StringSliceFlag{Name: "operation", Usage: "an `OPERATION` such as Encrypt, Decrypt or GenerateDataKey; may be repeated"},
			&cli.StringFlag{Name: "retiring", Usage: "a `PRINCIPAL` who may end the grant by grant retire"},
			&cli.StringFlag{Name: "name", Usage: "a `NAME` by which people know it again"},
			contextFlag("context-equals", "the encryption context must be exactly these pairs `NAME=VALUE`; may be repeated"),
			contextFlag("context-subset", "the encryption context must have this pair `NAME=VALUE`; may be repeated"),
			dryRunFlag(),
		},
		Action: p.command(1, 1, p.createGrant),
	}
}

func (p *program) createGrant(c *cli.Context) error {
	if c.String("grantee") == "" {
		return usagef(c, "--grantee is missing: the principal who may use the key")
	}
	in := &api.CreateGrantInput{KeyID: operand(c, 0), Name: flagText(c, "name"), DryRun: flagTrue(c, "dry-run")}
	var err error
	if in.Operations, err = grantOperations(c); err != nil {
		return err
	}
	if in.Constraints, err = grantConstraints(c); err != nil {
		return err
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		if in.GranteePrincipal, err = principalFlag(ctx, c, s, "grantee"); err != nil {
			return err
		}
		if in.RetiringPrincipal, err = principalFlag(ctx, c, s, "retiring"); err != nil {
			return err
		}
		out, err := ask[api.CreateGrantOutput](ctx, s, "CreateGrant", in)
		if err != nil {
			return err
		}
		return p.show(c, out, func(t *table) {
			t.fact("Grant ID", out.GrantID)
			t.fact("Grant token", out.GrantToken)
			t.fact("Grantee", *in.GranteePrincipal)
			t.fact("Operations", operationList(in.Operations))
			t.fact("Constraint", constraintText(in.Constraints))
		})
	})
}

// grantOperations reads --operation. Case counts in the API and not here.
func grantOperations(c *cli.Context) (list []keyspec.GrantOperation, err error) {
	known := keyspec.GrantOperations.Values()
	names, lower := make([]string, len(known)), make([]string, len(known))
	for i, k := range known {
		names[i], lower[i] = string(k), strings.ToLower(string(k))
	}
	for _, word := range c.StringSlice("operation") {
		at := slices.Index(lower, strings.ToLower(word))
		if at >= 0 {
			list = append(list, known[at])
			continue
		}
		if at = slices.Index(lower, nearest(strings.ToLower(word), lower)); at >= 0 {
			return nil, usagef(c, "--operation %q: there is none; did you mean %s?", word, names[at])
		}
		return nil, usagef(c, "--operation %q: want one of %s", word, strings.Join(names, ", "))
	}
	if list == nil {
		return nil, usagef(c, "--operation is missing: what the grantee may do, such as Encrypt")
	}
	return list, nil
}

func grantConstraints(c *cli.Context) (*api.GrantConstraints, error) {
	if c.IsSet("context-equals") && c.IsSet("context-subset") {
		return nil, usagef(c, "--context-equals and --context-subset exclude each other")
	}
	equals, err := contextOf(c, "context-equals")
	if err != nil {
		return nil, err
	}
	subset, err := contextOf(c, "context-subset")
	if err != nil || equals == nil && subset == nil {
		return nil, err
	}
	return &api.GrantConstraints{EncryptionContextEquals: equals, EncryptionContextSubset: subset}, nil
}

// principalFlag is the principal that a flag names, in a form that grants take: nil when the flag is not given.
func principalFlag(ctx context.Context, c *cli.Context, s *session, flag string) (*string, error) {
	ref := flagText(c, flag)
	if ref == nil || !isLocalRef(*ref) {
		return ref, nil
	}
	arn, err := arnOf(ctx, s, *ref)
	return &arn, err
}

// isLocalRef tells user/NAME and role/NAME, which mean something in an account only.
func isLocalRef(ref string) bool {
	return strings.HasPrefix(ref, string(kms.User)+"/") || strings.HasPrefix(ref, string(kms.Role)+"/")
}

func operationList(list []keyspec.GrantOperation) string {
	words := make([]string, len(list))
	for i, operation := range list {
		words[i] = string(operation)
	}
	return strings.Join(words, ", ")
}

func constraintText(g *api.GrantConstraints) string {
	switch member, pairs, err := g.Choice(); {
	case err != nil || member == "":
		return ""
	case member == string(kms.EncryptionContextEquals):
		return "context is exactly " + contextText(pairs)
	default:
		return "context has " + contextText(pairs)
	}
}

// contextText is an encryption context for people, in the order of the names.
func contextText(pairs map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		words = append(words, name+"="+pairs[name])
	}
	return or(strings.Join(words, ", "), "empty")
}
