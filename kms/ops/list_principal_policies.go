package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var listPrincipalPolicies = kms.Operation[*api.ListPrincipalPoliciesInput, *api.ListPrincipalPoliciesOutput]{
	Name:    "ListPrincipalPolicies",
	Service: kms.Keyhold,
	Effect:  kms.Read,
	Targets: func(in *api.ListPrincipalPoliciesInput) []kms.Target {
		return principalOf(in.Principal, "keyhold:ListPrincipalPolicies")
	},
	Run: func(_ context.Context, c *kms.Call, in *api.ListPrincipalPoliciesInput) (*api.ListPrincipalPoliciesOutput, error) {
		name := func(row kms.PrincipalPolicyRow) string { return row.Name }
		page, err := readPage(listOfPrincipalPolicies.of(string(c.Principal(0).Row().ID)), in.Marker, in.PageSize(), inMemory(c.Principal(0).Policies(), name))
		if err != nil {
			return nil, err
		}
		out := &api.ListPrincipalPoliciesOutput{PolicyNames: []string{}, NextMarker: page.next, Truncated: page.next != ""}
		for _, row := range page.rows {
			out.PolicyNames = append(out.PolicyNames, row.Name)
		}
		return out, nil
	},
}
