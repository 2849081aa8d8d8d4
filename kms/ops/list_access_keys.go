package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var listAccessKeys = kms.Operation[*api.ListAccessKeysInput, *api.ListAccessKeysOutput]{
	Name:    "ListAccessKeys",
	Effect:  kms.Read,
	Service: kms.Keyhold,
	Targets: func(in *api.ListAccessKeysInput) []kms.Target {
		return []kms.Target{kms.PrincipalOf(in.Principal, "keyhold:ListAccessKeys")}
	},
	Run: func(ctx context.Context, c *kms.Call, _ *api.ListAccessKeysInput) (*api.ListAccessKeysOutput, error) {
		user := c.Principal(0)
		rows, err := c.Store().AccessKeys(ctx, user.Row().ID)
		if err != nil {
			return nil, err
		}
		out := &api.ListAccessKeysOutput{Principal: user.ARN(), AccessKeys: []api.AccessKey{}}
		for _, row := range rows {
			authentic, err := c.Authentic(ctx, &row)
			if err != nil {
				return nil, err
			}
			entry := api.AccessKey{AccessKeyID: string(row.ID)}
			if authentic {
				entry.State, entry.CreateDate = string(row.State), api.Time(row.CreatedAt)
			}
			out.AccessKeys = append(out.AccessKeys, entry)
		}
		return out, nil
	},
}
