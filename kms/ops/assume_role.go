package ops

import (
	"context"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// AWS lets no root assume a role. The owner of the data directory, who acts as the root of an account, may, where the
// role's trust policy names the account: a command on the server's own machine gets its credentials so.
var assumeRole = kms.Operation[*api.AssumeRoleInput, *api.AssumeRoleOutput]{
	Name:    "AssumeRole",
	Effect:  kms.Use,
	Service: kms.STS,
	Targets: func(in *api.AssumeRoleInput) []kms.Target { return []kms.Target{kms.RoleToAssume(in.RoleArn)} },
	Conditions: func(in *api.AssumeRoleInput) map[string][]string {
		keys := map[string][]string{"sts:rolesessionname": {text(in.RoleSessionName)}}
		if in.ExternalID != nil {
			keys["sts:externalid"] = []string{*in.ExternalID}
		}
		return keys
	},
	Admit: kms.Admit[*api.AssumeRoleInput]{
		Compat: func(c *kms.Call, in *api.AssumeRoleInput) error {
			if caller := c.Caller(); caller.Root && !caller.Local {
				return api.RootAssumesRole()
			}
			return second(sessionSeconds(c, in))
		},
	},
	Run: func(ctx context.Context, c *kms.Call, in *api.AssumeRoleInput) (*api.AssumeRoleOutput, error) {
		seconds, err := sessionSeconds(c, in)
		if err != nil {
			return nil, err
		}
		session, err := c.NewSession(ctx, c.Principal(0), *in.RoleSessionName, time.Duration(seconds)*time.Second)
		if err != nil {
			return nil, err
		}
		defer session.Secret.Wipe()
		return &api.AssumeRoleOutput{
			Credentials: api.SessionCredentials{
				AccessKeyID: string(session.AccessKeyID), SecretAccessKey: api.SecretText(session.Secret.Reveal()),
				SessionToken: api.SecretText(session.Token), Expiration: api.Time(session.ExpiresAt),
			},
			AssumedRoleUser: api.AssumedRoleUser{AssumedRoleID: session.PrincipalID, Arn: session.ARN},
		}, nil
	},
}

func sessionSeconds(c *kms.Call, in *api.AssumeRoleInput) (int, error) {
	return in.Seconds(c.Principal(0).Row().MaxSessionSeconds, c.Caller().Session != nil)
}
