package cli

import (
	"context"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) policyWhoCan() *cli.Command {
	return &cli.Command{
		Name: "who-can", Usage: "list who may do something with a key, and by what", ArgsUsage: "ACTION KEY",
		Description: describe("ACTION is one such as Decrypt or kms:PutKeyPolicy; KEY a key id, key ARN, alias/NAME or alias ARN. A role stands for\n"+
			"any session of it. Of other accounts, the directory's own account sees everybody, and any other only whom the key's\n"+
			"policy or a grant names; * stands for the rest. What is not said is supposed: TLS, no address, no encryption\n"+
			"context.",
			"keyhold policy who-can Decrypt alias/orders --context app=shop"),
		Flags:  circumstanceFlags(),
		Action: p.command(2, 2, p.whoCan),
	}
}

func (p *program) whoCan(c *cli.Context) error {
	in := &api.WhoCanInput{Action: new(actionName(c.Args().First())), KeyID: operand(c, 1)}
	var err error
	if in.EncryptionContext, in.ContextEntries, err = circumstances(c); err != nil {
		return err
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		all := &api.WhoCanOutput{Principals: []api.PrincipalAccess{}}
		err := everyPage(nil, func(marker *string) (string, error) {
			in.Marker = marker
			out, err := ask[api.WhoCanOutput](ctx, s, "WhoCan", in)
			if err != nil {
				return "", err
			}
			all.Principals = append(all.Principals, out.Principals...)
			return further(out.Truncated, out.NextMarker)
		})
		return orShow(err, func() error { return p.showWhoCan(c, all, *in.Action) })
	})
}

func (p *program) showWhoCan(c *cli.Context, all *api.WhoCanOutput, action string) error {
	if len(all.Principals) == 0 && !wantsJSON(c) {
		p.sayf("nobody can %s", printable(action))
		return nil
	}
	return p.show(c, all, func(t *table) {
		t.row("PRINCIPAL", "KIND", "VIA", "STATEMENT")
		for _, a := range all.Principals {
			via, statement := viaOf(a.By)
			t.row(a.Principal, a.Kind, via, or(statement, "-"))
		}
	})
}

// viaOf tells what lets somebody in, and its part.
func viaOf(by api.DecidedBy) (via, statement string) {
	if by.Type == "grant" {
		return "grant", by.GrantID
	}
	via = strings.ReplaceAll(by.Type, "-", " ")
	if by.Name != "" {
		via += " " + by.Name
	}
	return via, strings.TrimPrefix(statementName(by.Statement, by.Sid), ", statement ")
}
