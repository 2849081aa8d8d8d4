package ops

import (
	"context"
	"errors"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

var listGrants = kms.Operation[*api.ListGrantsInput, *api.ListGrantsOutput]{
	Name:   "ListGrants",
	Effect: kms.Read,
	Targets: func(in *api.ListGrantsInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:ListGrants").AcrossAccounts()}
	},
	Admit: kms.Admit[*api.ListGrantsInput]{
		Params: func(in *api.ListGrantsInput) error {
			if in.GrantID == nil {
				return nil
			}
			return api.CheckGrantID(*in.GrantID)
		},
		States: []kms.StateRule{kms.StatesAny},
	},
	Run: func(ctx context.Context, c *kms.Call, in *api.ListGrantsInput) (*api.ListGrantsOutput, error) {
		grants, err := grantsOfKey(ctx, c, in)
		if err != nil {
			return nil, err
		}
		page, err := readPage(listOfGrants.of(c.Key(0).ARN(), text(in.GranteePrincipal), text(in.GrantID)), in.Marker, in.PageSize(), grants)
		if err != nil {
			return nil, err
		}
		out := &api.ListGrantsOutput{NextMarker: page.next, Truncated: page.next != ""}
		out.Grants, err = grantEntries(ctx, c, page.rows)
		return out, err
	},
}

// grantsOfKey is the list that a request is about: all grants of the key, those to one grantee, or one.
func grantsOfKey(ctx context.Context, c *kms.Call, in *api.ListGrantsInput) (source[kms.GrantRow], error) {
	key := c.Key(0).ID()
	grantee, nobody, err := granteeToList(ctx, c, in.GranteePrincipal)
	list := source[kms.GrantRow]{key: grantID, read: func(after string, limit int) ([]kms.GrantRow, error) {
		return c.Store().Grants(ctx, key, grantee, kms.GrantID(after), limit)
	}}
	if err != nil || nobody {
		return inMemory([]kms.GrantRow(nil), grantID), err
	}
	if in.GrantID == nil {
		return list, nil
	}
	row, err := c.Store().Grant(ctx, key, kms.GrantID(*in.GrantID))
	if errors.Is(err, kms.ErrNotFound) || err == nil && grantee != "" && row.Grantee != grantee {
		return inMemory([]kms.GrantRow(nil), grantID), nil
	}
	return inMemory([]kms.GrantRow{row}, grantID), err
}

func grantID(row kms.GrantRow) string { return string(row.ID) }

// granteeToList is how the rows of grants have a principal. One that was deleted has its unique id for a name; an ARN
// that nobody has is nobody's.
func granteeToList(ctx context.Context, c *kms.Call, name *string) (id string, nobody bool, err error) {
	if name == nil {
		return "", false, nil
	}
	id, err = c.ResolveGrantee(ctx, *name)
	if !errors.Is(err, &api.Error{Name: api.InvalidArnException}) {
		return id, false, err
	}
	return *name, strings.HasPrefix(*name, "arn:"), nil
}

// grantEntries are the rows as lists show them, without those that are not authentic.
func grantEntries(ctx context.Context, c *kms.Call, rows []kms.GrantRow) ([]api.GrantListEntry, error) {
	grants, err := c.AuthenticGrants(ctx, rows)
	if err != nil {
		return nil, err
	}
	entries := []api.GrantListEntry{}
	for _, g := range grants {
		entry, err := grantEntry(ctx, c, g)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func grantEntry(ctx context.Context, c *kms.Call, g kms.ListedGrant) (api.GrantListEntry, error) {
	entry := api.GrantListEntry{
		KeyID: g.KeyARN, GrantID: string(g.ID), Name: g.Name, CreationDate: api.Time(g.CreatedAt),
		IssuingAccount: c.Realm().RootARN(g.Issuer),
	}
	var err error
	if entry.GranteePrincipal, err = c.GranteeName(ctx, g.Grantee, g.GranteeARN); err != nil {
		return entry, err
	}
	if entry.RetiringPrincipal, err = c.GranteeName(ctx, g.Retiring, g.RetiringARN); err != nil {
		return entry, err
	}
	for _, operation := range g.Shape.Operations {
		entry.Operations = append(entry.Operations, keyspec.GrantOperation(operation))
	}
	switch g.Shape.Constraint {
	case kms.EncryptionContextEquals:
		entry.Constraints = &api.GrantConstraints{EncryptionContextEquals: g.Shape.Context}
	case kms.EncryptionContextSubset:
		entry.Constraints = &api.GrantConstraints{EncryptionContextSubset: g.Shape.Context}
	}
	return entry, nil
}
