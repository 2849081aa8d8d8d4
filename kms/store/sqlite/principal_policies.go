package sqlite

import (
	"context"

	"github.com/keyhold/keyhold/kms"
)

var principalPolicies = newTable("principal_policies", principalPolicyArgs, 2, "principal", "name", "rev", "document", "mac")

func principalPolicyArgs(p kms.PrincipalPolicyRow) []any {
	return []any{p.Principal, p.Name, p.Rev, p.Document, octets(p.MAC)}
}

func scanPrincipalPolicy(row scanner) (kms.PrincipalPolicyRow, error) {
	var p kms.PrincipalPolicyRow
	err := row.Scan(&p.Principal, &p.Name, &p.Rev, &p.Document, blob{&p.MAC})
	return p, err
}

func principalPoliciesOf(ctx context.Context, q querier, id kms.PrincipalID) ([]kms.PrincipalPolicyRow, error) {
	return selectAll(ctx, q, scanPrincipalPolicy,
		"SELECT "+principalPolicies.columns+" FROM principal_policies WHERE principal = ? ORDER BY name", id)
}
