package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var deleteAccessKey = kms.Operation[*api.DeleteAccessKeyInput, *api.DeleteAccessKeyOutput]{
	Name:    "DeleteAccessKey",
	Effect:  kms.Mutate,
	Service: kms.Keyhold,
	Targets: func(in *api.DeleteAccessKeyInput) []kms.Target {
		return []kms.Target{kms.AccessKeyOf(in.AccessKeyID, in.Principal, "keyhold:DeleteAccessKey")}
	},
	Change: func(_ context.Context, c *kms.Call, _ *api.DeleteAccessKeyInput) (kms.Change, *api.DeleteAccessKeyOutput, error) {
		return kms.Change{DropAccessKeys: []kms.AccessKeyRow{c.AccessKey(0)}}, &api.DeleteAccessKeyOutput{}, nil
	},
}
