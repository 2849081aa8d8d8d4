package ops

import (
	"context"
	"slices"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// Tag keys that the key does not have are passed over.
var untagResource = kms.Operation[*api.UntagResourceInput, *api.UntagResourceOutput]{
	Name:   "UntagResource",
	Effect: kms.Mutate,
	Targets: func(in *api.UntagResourceInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:UntagResource")}
	},
	Conditions: func(in *api.UntagResourceInput) map[string][]string {
		return askedTags(in.TagKeys, nil)
	},
	Admit: kms.Admit[*api.UntagResourceInput]{States: []kms.StateRule{kms.StatesNotBeingDeleted}},
	Change: func(_ context.Context, c *kms.Call, in *api.UntagResourceInput) (kms.Change, *api.UntagResourceOutput, error) {
		row := c.Key(0).Next()
		var gone []kms.TagRow
		for _, t := range c.Key(0).Tags() {
			if slices.Contains(in.TagKeys, t.Key) {
				gone = append(gone, t)
			}
		}
		row.TagCount -= len(gone)
		return kms.Change{Keys: []kms.KeyRow{row}, DropTags: gone}, &api.UntagResourceOutput{}, nil
	},
}
