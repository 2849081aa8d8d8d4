package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var tagResource = kms.Operation[*api.TagResourceInput, *api.TagResourceOutput]{
	Name:   "TagResource",
	Effect: kms.Mutate,
	Targets: func(in *api.TagResourceInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:TagResource")}
	},
	Conditions: func(in *api.TagResourceInput) map[string][]string {
		return askedTags(nil, in.Tags)
	},
	Admit: kms.Admit[*api.TagResourceInput]{
		Params: func(in *api.TagResourceInput) error { return api.CheckTags(in.Tags) },
		States: []kms.StateRule{kms.StatesNotBeingDeleted},
		Compat: func(c *kms.Call, in *api.TagResourceInput) error {
			present := c.Key(0).Tags()
			if len(present)+countNew(present, in.Tags) > api.MaxTags {
				return api.TagTooMany()
			}
			return nil
		},
	},
	Change: func(_ context.Context, c *kms.Call, in *api.TagResourceInput) (kms.Change, *api.TagResourceOutput, error) {
		key, row := c.Key(0), c.Key(0).Next()
		row.TagCount += countNew(key.Tags(), in.Tags)
		return kms.Change{
			Keys: []kms.KeyRow{row}, Tags: mergeTags(key.ID(), key.Tags(), in.Tags),
		}, &api.TagResourceOutput{}, nil
	},
}
