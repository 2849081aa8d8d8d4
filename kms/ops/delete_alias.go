package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var deleteAlias = kms.Operation[*api.DeleteAliasInput, *api.DeleteAliasOutput]{
	Name:   "DeleteAlias",
	Effect: kms.Mutate,
	Targets: func(in *api.DeleteAliasInput) []kms.Target {
		return []kms.Target{kms.AliasOf(in.AliasName, "kms:DeleteAlias"), aliasResource(in.AliasName, "kms:DeleteAlias")}
	},
	Admit: kms.Admit[*api.DeleteAliasInput]{States: []kms.StateRule{kms.StatesAny}},
	Change: func(_ context.Context, c *kms.Call, _ *api.DeleteAliasInput) (kms.Change, *api.DeleteAliasOutput, error) {
		return kms.Change{DropAliases: []kms.AliasRow{*c.Alias(0)}}, &api.DeleteAliasOutput{}, nil
	},
}
