package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var describePrincipal = kms.Operation[*api.DescribePrincipalInput, *api.DescribePrincipalOutput]{
	Name:    "DescribePrincipal",
	Service: kms.Keyhold,
	Effect:  kms.Read,
	Targets: func(in *api.DescribePrincipalInput) []kms.Target {
		return principalOf(in.Principal, "keyhold:DescribePrincipal")
	},
	Run: func(ctx context.Context, c *kms.Call, _ *api.DescribePrincipalInput) (*api.DescribePrincipalOutput, error) {
		p, err := describeNow(ctx, c, c.Principal(0))
		return &api.DescribePrincipalOutput{Principal: p}, err
	},
}
