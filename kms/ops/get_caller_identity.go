package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// Nobody needs to be allowed to ask who one is (AWS STS API reference, GetCallerIdentity).
var getCallerIdentity = kms.Operation[*api.GetCallerIdentityInput, *api.GetCallerIdentityOutput]{
	Name:    "GetCallerIdentity",
	Effect:  kms.Read,
	Service: kms.STS,
	Targets: func(*api.GetCallerIdentityInput) []kms.Target { return nil },
	Run: func(_ context.Context, c *kms.Call, _ *api.GetCallerIdentityInput) (*api.GetCallerIdentityOutput, error) {
		caller := c.Caller()
		return &api.GetCallerIdentityOutput{UserID: caller.PrincipalID, Account: string(caller.Account), Arn: caller.ARN}, nil
	},
}
