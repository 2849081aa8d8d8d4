package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var listKeys = kms.Operation[*api.ListKeysInput, *api.ListKeysOutput]{
	Name:    "ListKeys",
	Effect:  kms.Read,
	Targets: func(*api.ListKeysInput) []kms.Target { return []kms.Target{kms.NoKey("kms:ListKeys")} },
	Run: func(ctx context.Context, c *kms.Call, in *api.ListKeysInput) (*api.ListKeysOutput, error) {
		account := c.Caller().Account
		page, err := readPage(listOfKeys.of(string(account)), in.Marker, in.PageSize(), source[kms.KeyRow]{
			read: func(after string, limit int) ([]kms.KeyRow, error) {
				return c.Store().Keys(ctx, account, kms.KeyID(after), limit)
			},
			key: func(row kms.KeyRow) string { return string(row.ID) },
		})
		if err != nil {
			return nil, err
		}
		out := &api.ListKeysOutput{Keys: []api.KeyListEntry{}, NextMarker: page.next, Truncated: page.next != ""}
		for _, row := range page.rows {
			out.Keys = append(out.Keys, api.KeyListEntry{KeyID: string(row.ID), KeyArn: c.Realm().KeyARN(account, row.ID)})
		}
		return out, nil
	},
}
