package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var updatePrincipal = kms.Operation[*api.UpdatePrincipalInput, *api.UpdatePrincipalOutput]{
	Name:    "UpdatePrincipal",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(in *api.UpdatePrincipalInput) []kms.Target {
		return principalOf(in.Principal, "keyhold:UpdatePrincipal")
	},
	Admit: kms.Admit[*api.UpdatePrincipalInput]{
		Compat: func(c *kms.Call, in *api.UpdatePrincipalInput) error {
			return in.Check(c.Principal(0).Row().Kind == kms.Role)
		},
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.UpdatePrincipalInput) (kms.Change, *api.UpdatePrincipalOutput, error) {
		p := c.Principal(0)
		trust, err := c.RenderTrust(ctx, p)
		if err != nil {
			return kms.Change{}, nil, err
		}
		row, tags := p.Next(), p.Tags()
		if in.Description != nil {
			row.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			row.MaxSessionSeconds = int(*in.MaxSessionDuration)
		}
		if in.Tags != nil {
			tags = in.Tags
			row.Tags, err = encodeTags(tags)
		}
		if err == nil && in.TrustPolicy != nil {
			row.TrustPolicy, trust = *in.TrustPolicy, *in.TrustPolicy
			row.TrustBound, err = c.CheckTrustPolicy(ctx, trust)
		}
		return kms.Change{Principals: []kms.PrincipalRow{row}},
			&api.UpdatePrincipalOutput{Principal: describe(c.Realm(), row, tags, trust)}, err
	},
}
