package ops

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var createAlias = kms.Operation[*api.CreateAliasInput, *api.CreateAliasOutput]{
	Name:   "CreateAlias",
	Effect: kms.Mutate,
	Targets: func(in *api.CreateAliasInput) []kms.Target {
		return []kms.Target{kms.AliasTarget(in.TargetKeyID, "kms:CreateAlias"), aliasResource(in.AliasName, "kms:CreateAlias")}
	},
	Admit: kms.Admit[*api.CreateAliasInput]{
		Params: func(in *api.CreateAliasInput) error { return api.CheckAliasName(*in.AliasName) },
		States: []kms.StateRule{kms.StatesNotBeingDeleted},
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.CreateAliasInput) (kms.Change, *api.CreateAliasOutput, error) {
		account, name, now := c.Caller().Account, *in.AliasName, kms.MicrosOf(c.Now())
		switch _, err := c.Store().Alias(ctx, account, name); {
		case err == nil:
			return kms.Change{}, nil, api.AlreadyExistsAlias(c.Realm().AliasARN(account, name))
		case !errors.Is(err, kms.ErrNotFound):
			return kms.Change{}, nil, err
		}
		row := kms.AliasRow{Account: account, Name: name, Rev: 1, KeyID: c.Key(0).ID(), CreatedAt: now, UpdatedAt: now}
		return kms.Change{Aliases: []kms.AliasRow{row}, MaxAliases: api.MaxAliasesPerKey}, &api.CreateAliasOutput{}, nil
	},
}
