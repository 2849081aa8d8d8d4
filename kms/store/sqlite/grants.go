package sqlite

import (
	"context"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

var grants = newTable("grants", grantArgs, 2, "key_id", "id", "rev", "name", "grantee", "grantee_arn", "retiring", "retiring_arn",
	"issuer", "operations", "context_constraint", "context", "created_at", "mac")

func grantArgs(g kms.GrantRow) []any {
	return []any{g.KeyID, g.ID, g.Rev, g.Name, g.Grantee, g.GranteeARN, g.Retiring, g.RetiringARN, g.Issuer, g.Operations,
		g.Constraint, g.Context, g.CreatedAt, octets(g.MAC)}
}

func scanGrant(row scanner) (kms.GrantRow, error) {
	var g kms.GrantRow
	err := row.Scan(&g.KeyID, &g.ID, &g.Rev, &g.Name, &g.Grantee, &g.GranteeARN, &g.Retiring, &g.RetiringARN, &g.Issuer,
		&g.Operations, &g.Constraint, &g.Context, &g.CreatedAt, blob{&g.MAC})
	return g, err
}

// Grant reads one grant of a key.
func (s *Store) Grant(ctx context.Context, key kms.KeyID, id kms.GrantID) (kms.GrantRow, error) {
	return one(ctx, s, fmt.Sprintf("read grant %q of key %s", id, key), scanGrant,
		"SELECT "+grants.columns+" FROM grants WHERE key_id = ? AND id = ?", key, id)
}

// GrantsTo lists the grants of a key to one grantee. The index is named, here and below, because SQLite expects a key to
// have few grants and would look at all of them.
func (s *Store) GrantsTo(ctx context.Context, key kms.KeyID, grantee string) ([]kms.GrantRow, error) {
	return list(ctx, s, "list grants to a grantee", scanGrant,
		"SELECT "+grants.columns+" FROM grants INDEXED BY grants_by_grantee WHERE key_id = ? AND grantee = ? ORDER BY id",
		key, grantee)
}

// GrantsNamed lists the grants of a key with a name. An index of the rows with a name serves only a query that says that
// it wants no others; likewise in RetirableGrants.
func (s *Store) GrantsNamed(ctx context.Context, key kms.KeyID, name string) ([]kms.GrantRow, error) {
	return list(ctx, s, "list grants of a name", scanGrant,
		"SELECT "+grants.columns+" FROM grants INDEXED BY grants_by_name"+
			" WHERE key_id = ? AND name = ? AND name <> '' ORDER BY id", key, name)
}

// Grants lists a key's grants, or those to one grantee.
func (s *Store) Grants(ctx context.Context, key kms.KeyID, grantee string, after kms.GrantID, limit int) ([]kms.GrantRow, error) {
	const end = " AND id > ? ORDER BY id LIMIT ?"
	query, args := " WHERE key_id = ?", []any{key}
	if grantee != "" {
		query, args = " INDEXED BY grants_by_grantee WHERE key_id = ? AND grantee = ?", append(args, grantee)
	}
	return list(ctx, s, "list grants", scanGrant, "SELECT "+grants.columns+" FROM grants"+query+end, append(args, after, max(limit, 0))...)
}

// RetirableGrants lists the grants that a principal may retire.
func (s *Store) RetirableGrants(
	ctx context.Context, retiring string, after kms.GrantID, afterKey kms.KeyID, limit int,
) ([]kms.GrantRow, error) {
	return list(ctx, s, "list retirable grants", scanGrant, "SELECT "+grants.columns+" FROM grants INDEXED BY grants_by_retiring"+
		" WHERE retiring = ? AND retiring <> '' AND (id, key_id) > (?, ?) ORDER BY id, key_id LIMIT ?",
		retiring, after, afterKey, max(limit, 0))
}

var grantLimit = limit{"key", "grants", "SELECT coalesce(sum(grants), 0) FROM grant_counts WHERE key_id = ?", kms.ErrGrantLimit}

func keyOfGrant(g kms.GrantRow) string { return string(g.KeyID) }
