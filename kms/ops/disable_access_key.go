package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var disableAccessKey = kms.Operation[*api.DisableAccessKeyInput, *api.DisableAccessKeyOutput]{
	Name:    "DisableAccessKey",
	Effect:  kms.Mutate,
	Service: kms.Keyhold,
	Targets: func(in *api.DisableAccessKeyInput) []kms.Target {
		return []kms.Target{kms.AccessKeyOf(in.AccessKeyID, in.Principal, "keyhold:DisableAccessKey")}
	},
	Change: func(_ context.Context, c *kms.Call, _ *api.DisableAccessKeyInput) (kms.Change, *api.DisableAccessKeyOutput, error) {
		return setAccessKeyState(c, kms.Inactive), &api.DisableAccessKeyOutput{}, nil
	},
}
