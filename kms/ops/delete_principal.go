package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var deletePrincipal = kms.Operation[*api.DeletePrincipalInput, *api.DeletePrincipalOutput]{
	Name:    "DeletePrincipal",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(in *api.DeletePrincipalInput) []kms.Target {
		return principalOf(in.Principal, "keyhold:DeletePrincipal")
	},
	Change: func(ctx context.Context, c *kms.Call, _ *api.DeletePrincipalInput) (kms.Change, *api.DeletePrincipalOutput, error) {
		p := c.Principal(0)
		keys, err := c.Store().AccessKeys(ctx, p.Row().ID)
		if err != nil {
			return kms.Change{}, nil, err
		}
		change := kms.Change{
			DropPrincipals: []kms.PrincipalRow{p.Row()}, DropPrincipalPolicies: p.Policies(), DropAccessKeys: keys,
		}
		return change, &api.DeletePrincipalOutput{Arn: p.ARN(), PrincipalID: string(p.Row().ID)}, nil
	},
}
