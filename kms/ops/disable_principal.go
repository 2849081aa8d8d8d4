package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var disablePrincipal = kms.Operation[*api.DisablePrincipalInput, *api.DisablePrincipalOutput]{
	Name:    "DisablePrincipal",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(in *api.DisablePrincipalInput) []kms.Target {
		return principalOf(in.Principal, "keyhold:DisablePrincipal")
	},
	Change: func(ctx context.Context, c *kms.Call, _ *api.DisablePrincipalInput) (kms.Change, *api.DisablePrincipalOutput, error) {
		change, p, err := setPrincipalState(ctx, c, kms.Inactive)
		return change, &api.DisablePrincipalOutput{Principal: p}, err
	},
}
