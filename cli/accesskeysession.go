package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) accessKeySession() *cli.Command {
	return &cli.Command{
		Name: "session", Usage: "begin a session of a role, and print its credentials as AWS SDKs take them", ArgsUsage: noOperands,
		Description: describe("Prints the JSON that AWS SDKs and the AWS CLI want of a credential_process, and nothing else. The role's trust policy\n"+
			"decides whether the user may, or the root of the account if no user is named; with --endpoint, whether whom the access\n"+
			"key is of may, who names the role by its ARN unless they may look it up. In the configuration file of AWS:\n"+
			"   credential_process = keyhold --data DIR access-key session --user alice --role role/batch\n"+
			"   credential_process = keyhold --endpoint URL --region REGION --aws-profile alice access-key session --role ARN",
			"keyhold access-key session --user alice --role role/batch --duration 15m"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "user", Usage: "who assumes it: a name, user/NAME, an ARN or a unique id of a `USER` (default: the root of the account)"},
			&cli.StringFlag{Name: "role", Usage: "the `ROLE`: a name, role/NAME, a unique id, or an ARN, which may be of another account"},
			&cli.StringFlag{Name: "name", Usage: "what the session is called in the audit log, as `NAME`", Value: "keyhold-cli"},
			&cli.StringFlag{Name: "duration", Usage: "how long it lasts, a `TIME` from 15m to the role's longest session (default: 1h)"},
		},
		Action: p.command(0, 0, p.beginSession),
	}
}

// credentialProcess is what SDKs want of a process (AWS SDKs and Tools Reference Guide, "Process credential provider").
// The secrets are plain text here and nowhere else.
type credentialProcess struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string // ISO 8601
}

func (p *program) beginSession(c *cli.Context) error {
	if c.String("role") == "" {
		return usagef(c, "--role is missing: the role to assume")
	}
	in := &api.AssumeRoleInput{RoleSessionName: new(c.String("name"))}
	if c.IsSet("duration") {
		var err error
		if in.DurationSeconds, err = flagSeconds(c, "duration", api.MinSessionSeconds, api.MaxSessionSeconds); err != nil {
			return err
		}
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		if c.IsSet("user") && !s.owned() {
			return usagef(c, "--user is for the owner of a data directory, who may be any user; through %s a session is begun by whom the access key "+
				"is of: leave out --user", namedBy(c))
		}
		role, err := arnOf(ctx, s, withKind(kms.Role, c.String("role")))
		if err != nil {
			return err
		}
		in.RoleArn = &role
		if c.IsSet("user") {
			if s.caller, err = s.actAs(ctx, withKind(kms.User, c.String("user"))); err != nil {
				return err
			}
		}
		out, err := ask[api.AssumeRoleOutput](ctx, s, "AssumeRole", in)
		if err != nil {
			return err
		}
		return p.printSession(out.Credentials)
	})
}

func (p *program) printSession(k api.SessionCredentials) error {
	return p.printJSON(credentialProcess{
		Version: 1, AccessKeyID: k.AccessKeyID, SecretAccessKey: string(k.SecretAccessKey), SessionToken: string(k.SessionToken),
		Expiration: k.Expiration.Time().Format(time.RFC3339),
	})
}

// actAs is the caller that is a user of the account, as the data directory's owner may be any.
func (s *session) actAs(ctx context.Context, user string) (kms.Caller, error) {
	out, err := ask[api.DescribePrincipalOutput](ctx, s, "DescribePrincipal", &api.DescribePrincipalInput{Principal: &user})
	if err != nil {
		return kms.Caller{}, err
	}
	a := out.Principal
	if kms.PrincipalKind(a.Kind) != kms.User {
		return kms.Caller{}, advise(fmt.Errorf("%s is a role, and a session is begun by a user or by the root of the account", refOf(a)),
			"name a user with --user, or leave it out")
	}
	return kms.Caller{
		Account: kms.AccountID(a.AccountID), ARN: a.Arn, PrincipalID: a.PrincipalID, Source: s.caller.Source, Agent: s.caller.Agent, Local: true,
	}, nil
}

// arnOf is the ARN of a principal of the account that is not named by an ARN.
func arnOf(ctx context.Context, s *session, ref string) (string, error) {
	if strings.HasPrefix(ref, "arn:") {
		return ref, nil
	}
	out, err := ask[api.DescribePrincipalOutput](ctx, s, "DescribePrincipal", &api.DescribePrincipalInput{Principal: &ref})
	if isDenied(err) {
		err = advise(err, "name it by its ARN, which needs no permission to look it up, such as arn:aws:iam::111122223333:role/batch")
	}
	if err != nil {
		return "", err
	}
	return out.Principal.Arn, nil
}
