package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) principalCommand() *cli.Command {
	return &cli.Command{
		Name: "principal", Usage: "the users and roles of an account, and their policies",
		Subcommands: guided(principalSteps,
			p.principalCreate(), p.principalList(), p.principalDescribe(), p.principalUpdate(),
			p.principalEnable(), p.principalDisable(), p.principalDelete(), p.principalRevokeSessions(), p.principalPolicy()),
	}
}

// principalSteps are the next steps after errors of the group.
var principalSteps = map[string]string{
	api.AlreadyExistsException: "choose another name, or change the one that there is with: keyhold principal update",
	api.LimitExceededException: "see what there is with: keyhold principal describe",
	api.MalformedPolicyDocumentException: "to see all that is wrong with it: keyhold policy check FILE --kind identity, or --kind trust for who " +
		"may assume a role",
	api.NotFoundException: "write user/NAME or role/NAME, an ARN or a unique id; see who there is with: keyhold principal list, in " +
		"another account with: keyhold --account ID principal list",
	api.TagException: "each tag name may come once, whatever its case, none may begin with aws:, and there may be 50",
	api.UnsupportedOperationException: "users have access keys and roles have sessions: keyhold access-key disable, keyhold principal " +
		"revoke-sessions",
}

// who explains the operand of most commands of the group.
const who = "PRINCIPAL is user/NAME, role/NAME, an ARN or a unique id.\n"

func (p *program) principalList() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list users and roles", ArgsUsage: "[user|role]",
		Description: describe("Lists the account's users, then its roles, in the order of their unique ids, 50 a page.", "keyhold principal list user --all"),
		Flags:       pageFlags(),
		Action: p.command(0, 1, func(c *cli.Context) error {
			if _, err := kindOf(c, false); err != nil {
				return err
			}
			return p.with(c, func(ctx context.Context, s *session) error { return p.listPrincipals(ctx, c, s) })
		}),
	}
}

// kindOf is the first operand as a kind of principal.
func kindOf(c *cli.Context, required bool) (kms.PrincipalKind, error) {
	kind := kms.PrincipalKind(c.Args().First())
	if kind == kms.User || kind == kms.Role || !required && c.NArg() == 0 {
		return kind, nil
	}
	return "", usagef(c, "%q is no kind of principal: want user or role", kind)
}

func (p *program) listPrincipals(ctx context.Context, c *cli.Context, s *session) error {
	return list[api.ListPrincipalsOutput, api.Principal]{
		page: func(limit *int32, marker *string) (*api.ListPrincipalsOutput, error) {
			return ask[api.ListPrincipalsOutput](ctx, s, "ListPrincipals", &api.ListPrincipalsInput{Kind: operand(c, 0), Limit: limit, Marker: marker})
		},
		part: func(page *api.ListPrincipalsOutput) (*[]api.Principal, bool, string) {
			return &page.Principals, page.Truncated, page.NextMarker
		},
		head: []string{"PRINCIPAL", "STATE", "UNIQUE ID", "CREATED", "PATH", "DESCRIPTION"},
		row: func(a api.Principal) []string {
			return []string{refOf(a), stateOf(a.State), a.PrincipalID, or(instant(a.CreateDate), "-"), or(a.Path, "-"), a.Description}
		},
	}.show(p, c)
}

// refOf is how the commands call a principal of their own account. One whose row was changed outside Keyhold has no name to
// be believed.
func refOf(a api.Principal) string {
	if a.Name == "" {
		return "-"
	}
	return a.Kind + "/" + a.Name
}

func (p *program) principalDescribe() *cli.Command {
	return &cli.Command{
		Name: "describe", Usage: "tell what a user or role is, with its policies and access keys", ArgsUsage: "PRINCIPAL",
		Description: describe(who+"For people it also lists the names of the policies, and the access keys of a user.", "keyhold principal describe user/alice"),
		Action: p.command(1, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error {
				out, err := ask[api.DescribePrincipalOutput](ctx, s, "DescribePrincipal", &api.DescribePrincipalInput{Principal: operand(c, 0)})
				if err != nil || wantsJSON(c) {
					return orShow(err, func() error { return p.show(c, out, nil) })
				}
				rest, err := belongings(ctx, s, out.Principal)
				if err != nil {
					return err
				}
				return p.showPrincipal(c, out, out.Principal, rest)
			})
		}),
	}
}

// fact is a line of a table.
type fact struct{ name, value string }

// belongings are the names of a principal's policies, and the access keys of a user.
func belongings(ctx context.Context, s *session, a api.Principal) ([]fact, error) {
	names, err := policiesOf(ctx, s, a.PrincipalID)
	if err != nil {
		return nil, err
	}
	facts := []fact{{"Policies", or(strings.Join(names, ", "), "none: it may do only what key policies and grants give it")}}
	if kms.PrincipalKind(a.Kind) != kms.User {
		return facts, nil
	}
	out, err := ask[api.ListAccessKeysOutput](ctx, s, "ListAccessKeys", &api.ListAccessKeysInput{Principal: &a.PrincipalID})
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, k := range out.AccessKeys {
		keys = append(keys, k.AccessKeyID+" ("+stateOf(k.State)+")")
	}
	return append(facts, fact{"Access keys", or(strings.Join(keys, ", "), "none")}), nil
}

// policiesOf are the names of all identity policies of a principal.
func policiesOf(ctx context.Context, s *session, ref string) (names []string, err error) {
	in := &api.ListPrincipalPoliciesInput{Principal: &ref}
	err = everyPage(nil, func(marker *string) (string, error) {
		in.Marker = marker
		out, err := ask[api.ListPrincipalPoliciesOutput](ctx, s, "ListPrincipalPolicies", in)
		if err != nil {
			return "", err
		}
		names = append(names, out.PolicyNames...)
		return further(out.Truncated, out.NextMarker)
	})
	return names, err
}

// showPrincipal shows a principal, for people with its trust policy below.
func (p *program) showPrincipal(c *cli.Context, out any, a api.Principal, rest []fact) error {
	err := p.show(c, out, func(t *table) {
		t.principal(a)
		for _, f := range rest {
			t.fact(f.name, f.value)
		}
	})
	if err != nil || a.TrustPolicy == "" || wantsJSON(c) {
		return err
	}
	return p.print([]byte("\nWho may assume it:\n"), []byte(strings.TrimSuffix(legible(a.TrustPolicy), "\n")+"\n"))
}

func (t *table) principal(a api.Principal) {
	t.fact("Principal", refOf(a))
	t.fact("ARN", a.Arn)
	t.fact("Unique ID", a.PrincipalID)
	t.fact("State", a.State)
	t.fact("Description", a.Description)
	for _, name := range slices.Sorted(maps.Keys(a.Tags)) {
		t.fact("Tag", name+"="+a.Tags[name])
	}
	t.fact("Created", instant(a.CreateDate))
	if a.MaxSessionDuration > 0 {
		t.fact("Longest session", shortly(int(a.MaxSessionDuration)))
	}
	t.fact("Sessions revoked", upTo(a.SessionsRevokedBefore))
}

func upTo(t api.Time) string {
	if t == 0 {
		return ""
	}
	return "those up to " + instant(t)
}
