package ops

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var createAccessKey = kms.Operation[*api.CreateAccessKeyInput, *api.CreateAccessKeyOutput]{
	Name:    "CreateAccessKey",
	Effect:  kms.Mutate,
	Service: kms.Keyhold,
	Targets: func(in *api.CreateAccessKeyInput) []kms.Target {
		return []kms.Target{kms.PrincipalOf(in.Principal, "keyhold:CreateAccessKey")}
	},
	Admit: kms.Admit[*api.CreateAccessKeyInput]{
		Compat: func(c *kms.Call, in *api.CreateAccessKeyInput) error {
			switch user := c.Principal(0); {
			case in.Brought() && !c.MayBring():
				return api.BroughtAccessKey()
			case user.Row().Kind != kms.User:
				return api.OnlyUsers(user.ARN())
			}
			return nil
		},
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.CreateAccessKeyInput) (kms.Change, *api.CreateAccessKeyOutput, error) {
		user := c.Principal(0)
		if err := roomForAccessKey(ctx, c, user, in.AccessKeyID); err != nil {
			return kms.Change{}, nil, err
		}
		wanted := kms.NewCredentials{ID: kms.AccessKeyID(text(in.AccessKeyID))}
		if in.Brought() {
			wanted.Secret = secret.New([]byte(*in.SecretAccessKey))
		}
		row, value, err := c.NewAccessKey(ctx, user, wanted)
		if err != nil {
			return kms.Change{}, nil, err
		}
		defer value.Wipe()
		return kms.Change{AccessKeys: []kms.AccessKeyRow{row}}, &api.CreateAccessKeyOutput{
			AccessKeyID: string(row.ID), SecretAccessKey: api.SecretText(value.Reveal()), Principal: user.ARN(), CreateDate: api.Time(row.CreatedAt),
		}, nil
	},
}

// roomForAccessKey refuses one access key too many, and an id that is in use. Mutations of one user queue for it.
func roomForAccessKey(ctx context.Context, c *kms.Call, user *kms.Principal, id *string) error {
	rows, err := c.Store().AccessKeys(ctx, user.Row().ID)
	if err != nil {
		return err
	}
	if len(rows) >= api.MaxAccessKeysPerUser {
		return api.AccessKeyLimit(user.ARN())
	}
	if id == nil {
		return nil
	}
	switch _, err := c.Store().AccessKey(ctx, kms.AccessKeyID(*id)); {
	case err == nil:
		return api.AlreadyExistsAccessKey(*id)
	case !errors.Is(err, kms.ErrNotFound):
		return err
	}
	return nil
}
