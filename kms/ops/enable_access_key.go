package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var enableAccessKey = kms.Operation[*api.EnableAccessKeyInput, *api.EnableAccessKeyOutput]{
	Name:    "EnableAccessKey",
	Effect:  kms.Mutate,
	Service: kms.Keyhold,
	Targets: func(in *api.EnableAccessKeyInput) []kms.Target {
		return []kms.Target{kms.AccessKeyOf(in.AccessKeyID, in.Principal, "keyhold:EnableAccessKey")}
	},
	Change: func(_ context.Context, c *kms.Call, _ *api.EnableAccessKeyInput) (kms.Change, *api.EnableAccessKeyOutput, error) {
		return setAccessKeyState(c, kms.Active), &api.EnableAccessKeyOutput{}, nil
	},
}

// setAccessKeyState lets the access key of the first target in, or shuts it out.
func setAccessKeyState(c *kms.Call, state kms.ActiveState) kms.Change {
	row := c.AccessKey(0)
	row.Rev++
	row.State = state
	return kms.Change{AccessKeys: []kms.AccessKeyRow{row}}
}
