package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var listKeyPolicies = kms.Operation[*api.ListKeyPoliciesInput, *api.ListKeyPoliciesOutput]{
	Name:   "ListKeyPolicies",
	Effect: kms.Read,
	Targets: func(in *api.ListKeyPoliciesInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:ListKeyPolicies")}
	},
	Admit: kms.Admit[*api.ListKeyPoliciesInput]{States: []kms.StateRule{kms.StatesAny}},
	Run: func(_ context.Context, c *kms.Call, in *api.ListKeyPoliciesInput) (*api.ListKeyPoliciesOutput, error) {
		names := inMemory([]string{api.DefaultPolicyName}, func(name string) string { return name })
		page, err := readPage(listOfPolicies.of(c.Key(0).ARN()), in.Marker, in.PageSize(), names)
		if err != nil {
			return nil, err
		}
		out := &api.ListKeyPoliciesOutput{PolicyNames: []string{}, NextMarker: page.next, Truncated: page.next != ""}
		out.PolicyNames = append(out.PolicyNames, page.rows...)
		return out, nil
	},
}
