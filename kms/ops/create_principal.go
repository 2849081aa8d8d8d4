package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var createPrincipal = kms.Operation[*api.CreatePrincipalInput, *api.CreatePrincipalOutput]{
	Name:    "CreatePrincipal",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(in *api.CreatePrincipalInput) []kms.Target {
		return []kms.Target{kms.Resource("keyhold:CreatePrincipal", func(realm kms.Realm, account kms.AccountID) string {
			return realm.PrincipalARN(account, kms.PrincipalKind(text(in.Kind)), pathOf(in), text(in.Name))
		})}
	},
	Admit: kms.Admit[*api.CreatePrincipalInput]{
		Params: func(in *api.CreatePrincipalInput) error { return in.Check() },
	},
	Change: func(ctx context.Context, c *kms.Call, in *api.CreatePrincipalInput) (kms.Change, *api.CreatePrincipalOutput, error) {
		if err := nameIsFree(ctx, c, kms.PrincipalKind(*in.Kind), *in.Name); err != nil {
			return kms.Change{}, nil, err
		}
		row, err := newPrincipalRow(ctx, c, in)
		if err != nil {
			return kms.Change{}, nil, err
		}
		out := &api.CreatePrincipalOutput{Principal: describe(c.Realm(), row, in.Tags, row.TrustPolicy)}
		return kms.Change{Principals: []kms.PrincipalRow{row}}, out, nil
	},
}

func pathOf(in *api.CreatePrincipalInput) string {
	if in.Path == nil {
		return "/"
	}
	return *in.Path
}

func newPrincipalRow(ctx context.Context, c *kms.Call, in *api.CreatePrincipalInput) (kms.PrincipalRow, error) {
	row := kms.PrincipalRow{
		Account: c.Caller().Account, Rev: 1, Kind: kms.PrincipalKind(*in.Kind), Path: pathOf(in), Name: *in.Name,
		State: kms.Active, Description: text(in.Description), CreatedAt: kms.MicrosOf(c.Now()),
		PoliciesDigest: kms.DigestPolicies(nil),
	}
	var err error
	if row.ID, err = c.NewPrincipalID(row.Kind); err != nil {
		return row, err
	}
	if row.Tags, err = encodeTags(in.Tags); err != nil || row.Kind != kms.Role {
		return row, err
	}
	row.TrustPolicy, row.MaxSessionSeconds = *in.TrustPolicy, api.DefaultSessionDuration
	if in.MaxSessionDuration != nil {
		row.MaxSessionSeconds = int(*in.MaxSessionDuration)
	}
	row.TrustBound, err = c.CheckTrustPolicy(ctx, row.TrustPolicy)
	return row, err
}
