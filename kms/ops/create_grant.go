package ops

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

var createGrant = kms.Operation[*api.CreateGrantInput, *api.CreateGrantOutput]{
	Name:   "CreateGrant",
	Effect: kms.Mutate,
	Targets: func(in *api.CreateGrantInput) []kms.Target {
		shape := grantShape(in)
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:CreateGrant").AcrossAccounts().With(shape.Context).Granting(shape)}
	},
	Conditions: askedGrant,
	Admit: kms.Admit[*api.CreateGrantInput]{
		Params:  func(in *api.CreateGrantInput) error { return in.Check() },
		Managed: true,
		States:  []kms.StateRule{kms.StatesToGrant},
		Compat:  grantFits,
	},
	DryRun: func(in *api.CreateGrantInput) bool { return isTrue(in.DryRun) },
	Change: func(ctx context.Context, c *kms.Call, in *api.CreateGrantInput) (kms.Change, *api.CreateGrantOutput, error) {
		row, err := newGrant(ctx, c, in)
		if err != nil {
			return kms.Change{}, nil, err
		}
		change := kms.Change{Grants: []kms.GrantRow{row}, MaxGrants: api.MaxGrantsPerKey}
		same, found, err := sameGrant(ctx, c, row)
		if err != nil {
			return kms.Change{}, nil, err
		}
		if found {
			row = same
			change = kms.Change{Expect: []kms.Expectation{{Key: row.KeyID, Grant: row.ID, Rev: row.Rev}}}
		}
		token, err := c.GrantToken(ctx, row.KeyID, row.ID)
		return change, &api.CreateGrantOutput{GrantToken: token, GrantID: string(row.ID)}, err
	},
}

// grantOperations are the operations of a request, each once.
func grantOperations(in *api.CreateGrantInput) []string {
	var list []string
	for _, operation := range in.Operations {
		if !slices.Contains(list, string(operation)) {
			list = append(list, string(operation))
		}
	}
	return list
}

// grantShape is what the grant will let its grantee do. Of a request that has both constraints it has none: such a
// request is refused.
func grantShape(in *api.CreateGrantInput) kms.GrantShape {
	constraint, pairs, _ := in.Constraints.Choice()
	return kms.GrantShape{Operations: grantOperations(in), Constraint: kms.GrantConstraint(constraint), Context: pairs}
}

// grantFits refuses operations that the key cannot perform, and a constraint where there is no encryption context.
func grantFits(c *kms.Call, in *api.CreateGrantInput) error {
	row := c.Key(0).Row()
	for _, operation := range in.Operations {
		if !keyspec.Grantable(row.Spec, row.Usage, operation) {
			return api.GrantOperationUnsupported(operation, row.Spec, row.Usage)
		}
	}
	if grantShape(in).Constraint != kms.Unconstrained && row.Spec != keyspec.SymmetricDefault {
		return api.GrantConstraintUnsupported(row.Spec)
	}
	return nil
}

func newGrant(ctx context.Context, c *kms.Call, in *api.CreateGrantInput) (kms.GrantRow, error) {
	shape := grantShape(in)
	row := kms.GrantRow{
		KeyID: c.Key(0).ID(), Rev: 1, Name: text(in.Name), GranteeARN: *in.GranteePrincipal, RetiringARN: text(in.RetiringPrincipal),
		Issuer: c.Caller().Account, Operations: strings.Join(shape.Operations, ","), Constraint: shape.Constraint,
		CreatedAt: kms.MicrosOf(c.Now()),
	}
	var err error
	if row.Grantee, err = c.ResolveGrantee(ctx, row.GranteeARN); err != nil {
		return row, err
	}
	if row.RetiringARN != "" {
		if row.Retiring, err = c.ResolveGrantee(ctx, row.RetiringARN); err != nil {
			return row, err
		}
	}
	if shape.Constraint != kms.Unconstrained {
		pairs, err := json.Marshal(shape.Context) // in the order of the names
		if err != nil {
			return row, err
		}
		row.Context = string(pairs)
	}
	row.ID, err = c.NewGrantID()
	return row, err
}

// sameGrant looks for a grant of the same name and parameters. One that was changed outside Keyhold is none.
func sameGrant(ctx context.Context, c *kms.Call, want kms.GrantRow) (kms.GrantRow, bool, error) {
	if want.Name == "" {
		return want, false, nil
	}
	rows, err := c.Store().GrantsNamed(ctx, want.KeyID, want.Name)
	if err != nil {
		return want, false, err
	}
	for _, row := range rows {
		if !alike(row, want) {
			continue
		}
		if authentic, err := c.Authentic(ctx, &row); err != nil || authentic {
			return row, authentic, err
		}
	}
	return want, false, nil
}

// alike tells whether two grants have the same parameters, whatever their ids and ages.
func alike(a, b kms.GrantRow) bool {
	operations := func(r kms.GrantRow) []string {
		list := strings.Split(r.Operations, ",")
		slices.Sort(list)
		return list
	}
	return a.KeyID == b.KeyID && a.Name == b.Name && a.Grantee == b.Grantee && a.Retiring == b.Retiring && a.Issuer == b.Issuer &&
		a.Constraint == b.Constraint && a.Context == b.Context && slices.Equal(operations(a), operations(b))
}
