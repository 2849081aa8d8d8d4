package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var revokeSessions = kms.Operation[*api.RevokeSessionsInput, *api.RevokeSessionsOutput]{
	Name:    "RevokeSessions",
	Effect:  kms.Mutate,
	Service: kms.Keyhold,
	Targets: func(in *api.RevokeSessionsInput) []kms.Target {
		return []kms.Target{kms.PrincipalOf(in.Principal, "keyhold:RevokeSessions")}
	},
	Admit: kms.Admit[*api.RevokeSessionsInput]{
		Compat: func(c *kms.Call, _ *api.RevokeSessionsInput) error {
			if p := c.Principal(0); p.Row().Kind != kms.Role {
				return api.OnlyRoles(p.ARN())
			}
			return nil
		},
	},
	Change: func(_ context.Context, c *kms.Call, _ *api.RevokeSessionsInput) (kms.Change, *api.RevokeSessionsOutput, error) {
		row := c.RevokedSessions(c.Principal(0))
		return kms.Change{Principals: []kms.PrincipalRow{row}}, &api.RevokeSessionsOutput{SessionsRevokedBefore: api.Time(row.SessionsNotBefore)}, nil
	},
}
