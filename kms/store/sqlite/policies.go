package sqlite

import (
	"context"

	"github.com/keyhold/keyhold/kms"
)

var policies = newTable("policies", policyArgs, 1, "key_id", "rev", "document", "bound", "mac")

func policyArgs(p kms.PolicyRow) []any {
	return []any{p.KeyID, p.Rev, p.Document, p.Bound, octets(p.MAC)}
}

func scanPolicy(row scanner) (kms.PolicyRow, error) {
	var p kms.PolicyRow
	err := row.Scan(&p.KeyID, &p.Rev, &p.Document, &p.Bound, blob{&p.MAC})
	return p, err
}

func policyOf(ctx context.Context, q querier, id kms.KeyID) (kms.PolicyRow, error) {
	return selectOne(ctx, q, scanPolicy, "SELECT "+policies.columns+" FROM policies WHERE key_id = ?", id)
}
