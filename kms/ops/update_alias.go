package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// The key that the alias names now is target 0, and may be in any state; the one that it shall name is target 1.
var updateAlias = kms.Operation[*api.UpdateAliasInput, *api.UpdateAliasOutput]{
	Name:   "UpdateAlias",
	Effect: kms.Mutate,
	Targets: func(in *api.UpdateAliasInput) []kms.Target {
		return []kms.Target{
			kms.AliasOf(in.AliasName, "kms:UpdateAlias"),
			kms.AliasTarget(in.TargetKeyID, "kms:UpdateAlias"),
			aliasResource(in.AliasName, "kms:UpdateAlias"),
		}
	},
	Admit: kms.Admit[*api.UpdateAliasInput]{
		States: []kms.StateRule{kms.StatesAny, kms.StatesNotBeingDeleted},
		Compat: func(c *kms.Call, _ *api.UpdateAliasInput) error {
			from, to := c.Key(0).Row(), c.Key(1).Row()
			if from.Usage != to.Usage || keyspec.FamilyOf(from.Spec) != keyspec.FamilyOf(to.Spec) {
				return api.AliasTargetMismatch()
			}
			return nil
		},
	},
	Change: func(_ context.Context, c *kms.Call, _ *api.UpdateAliasInput) (kms.Change, *api.UpdateAliasOutput, error) {
		row := *c.Alias(0)
		row.Rev++
		row.KeyID, row.UpdatedAt = c.Key(1).ID(), kms.MicrosOf(c.Now())
		return kms.Change{Aliases: []kms.AliasRow{row}, MaxAliases: api.MaxAliasesPerKey}, &api.UpdateAliasOutput{}, nil
	},
}
