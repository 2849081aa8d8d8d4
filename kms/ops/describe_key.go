package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

var describeKey = kms.Operation[*api.DescribeKeyInput, *api.DescribeKeyOutput]{
	Name:   "DescribeKey",
	Effect: kms.Read,
	Targets: func(in *api.DescribeKeyInput) []kms.Target {
		return []kms.Target{kms.KeyOrAlias(in.KeyID, "kms:DescribeKey")}
	},
	Admit: kms.Admit[*api.DescribeKeyInput]{States: []kms.StateRule{kms.StatesAny}},
	Run: func(_ context.Context, c *kms.Call, _ *api.DescribeKeyInput) (*api.DescribeKeyOutput, error) {
		key := c.Key(0)
		return &api.DescribeKeyOutput{KeyMetadata: metadata(c.Realm(), key.Row(), key.Current())}, nil
	},
}

// metadata is what AWS tells about a key.
func metadata(realm kms.Realm, row kms.KeyRow, current kms.GenerationRow) api.KeyMetadata {
	m := api.KeyMetadata{
		AWSAccountID: string(row.Account), KeyID: string(row.ID), Arn: realm.KeyARN(row.Account, row.ID),
		CreationDate: api.Time(row.CreatedAt), Enabled: row.State == keyspec.StateEnabled, Description: row.Description,
		KeyUsage: row.Usage, KeyState: row.State, Origin: row.Origin, KeyManager: row.Manager,
		CustomerMasterKeySpec: row.Spec, KeySpec: row.Spec, CurrentKeyMaterialID: current.MaterialID,
	}
	if row.State == keyspec.StatePendingDeletion {
		m.DeletionDate = api.Time(row.DeletionAt)
	}
	m.SetAlgorithms()
	return m
}
