package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

var createKey = kms.Operation[*api.CreateKeyInput, *api.CreateKeyOutput]{
	Name:   "CreateKey",
	Effect: kms.Mutate,
	Targets: func(in *api.CreateKeyInput) []kms.Target {
		targets := []kms.Target{kms.NoKey("kms:CreateKey")}
		if len(in.Tags) > 0 {
			targets = append(targets, kms.NoKey("kms:TagResource"))
		}
		return targets
	},
	Conditions: askedKey,
	Admit: kms.Admit[*api.CreateKeyInput]{
		Params: func(in *api.CreateKeyInput) error {
			if _, _, err := in.SpecAndUsage(); err != nil {
				return err
			}
			return api.CheckTags(in.Tags)
		},
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.CreateKeyInput) (kms.Change, *api.CreateKeyOutput, error) {
		id, err := c.NewKeyID()
		if err != nil {
			return kms.Change{}, nil, err
		}
		policy, err := newKeyPolicy(ctx, c, in, id)
		if err != nil {
			return kms.Change{}, nil, err
		}
		most, err := c.KeyQuota(ctx)
		if err != nil {
			return kms.Change{}, nil, err
		}
		newborn, err := c.Birth(ctx, id, 1, "")
		if err != nil {
			return kms.Change{}, nil, err
		}
		row, err := newKeyRow(c, in, id)
		if err != nil {
			return kms.Change{}, nil, err
		}
		change := kms.Change{
			MaxKeys:  most,
			Keys:     []kms.KeyRow{row},
			Policies: []kms.PolicyRow{policy},
			Tags:     mergeTags(id, nil, in.Tags),
		}
		newborn.Fulfil(&change)
		return change, &api.CreateKeyOutput{KeyMetadata: metadata(c.Realm(), row, newborn.Generation)}, nil
	},
}

func newKeyRow(c *kms.Call, in *api.CreateKeyInput, id kms.KeyID) (kms.KeyRow, error) {
	spec, usage, err := in.SpecAndUsage()
	return kms.KeyRow{
		ID: id, Account: c.Caller().Account, Rev: 1, State: keyspec.StateEnabled, Spec: spec, Usage: usage,
		Origin: in.OriginOrDefault(), Manager: keyspec.ManagerCustomer, Description: text(in.Description), TagCount: len(in.Tags), PolicyRev: 1,
		Current: 1, CreatedAt: kms.MicrosOf(c.Now()),
	}, err
}

func newKeyPolicy(ctx context.Context, c *kms.Call, in *api.CreateKeyInput, id kms.KeyID) (kms.PolicyRow, error) {
	row := kms.PolicyRow{KeyID: id, Rev: 1, Document: c.DefaultPolicy()}
	if in.Policy == nil {
		return row, nil
	}
	var err error
	row.Document = *in.Policy
	row.Bound, err = c.CheckPolicy(ctx, row.Document, c.Realm().KeyARN(c.Caller().Account, id), isTrue(in.BypassPolicyLockoutSafetyCheck))
	return row, err
}
