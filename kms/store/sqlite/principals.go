package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

var principals = newTable("principals", principalArgs, 1, "id", "account", "rev", "kind", "path", "name", "state", "description",
	"tags", "trust_policy", "trust_bound", "max_session_seconds", "sessions_not_before", "policies_digest", "created_at", "mac")

func principalArgs(p kms.PrincipalRow) []any {
	return []any{p.ID, p.Account, p.Rev, p.Kind, p.Path, p.Name, p.State, p.Description, p.Tags, p.TrustPolicy, p.TrustBound,
		p.MaxSessionSeconds, p.SessionsNotBefore, p.PoliciesDigest, p.CreatedAt, octets(p.MAC)}
}

func scanPrincipal(row scanner) (kms.PrincipalRow, error) {
	var p kms.PrincipalRow
	err := row.Scan(&p.ID, &p.Account, &p.Rev, &p.Kind, &p.Path, &p.Name, &p.State, &p.Description, &p.Tags, &p.TrustPolicy,
		&p.TrustBound, &p.MaxSessionSeconds, &p.SessionsNotBefore, &p.PoliciesDigest, &p.CreatedAt, blob{&p.MAC})
	return p, err
}

// Principal reads a principal and its policies in one transaction.
func (s *Store) Principal(ctx context.Context, id kms.PrincipalID) (kms.PrincipalRecord, error) {
	var record kms.PrincipalRecord
	err := s.read(ctx, func(tx *sql.Tx) error {
		var err error
		record, err = readPrincipal(ctx, tx, id)
		return err
	})
	if err != nil {
		return kms.PrincipalRecord{}, fmt.Errorf("read principal %q: %w", id, err)
	}
	return record, nil
}

func readPrincipal(ctx context.Context, tx *sql.Tx, id kms.PrincipalID) (r kms.PrincipalRecord, err error) {
	query := "SELECT " + principals.columns + " FROM principals WHERE id = ?"
	if r.Principal, err = selectOne(ctx, tx, scanPrincipal, query, id); err != nil {
		return r, err
	}
	r.Policies, err = principalPoliciesOf(ctx, tx, id)
	return r, err
}

// PrincipalNamed reads the principal of a name. The comparison must fold case as the index does, or does not use it.
func (s *Store) PrincipalNamed(ctx context.Context, account kms.AccountID, kind kms.PrincipalKind, name string) (kms.PrincipalRow, error) {
	return one(ctx, s, fmt.Sprintf("read %s %q of account %q", kind, name, account), scanPrincipal,
		"SELECT "+principals.columns+" FROM principals WHERE account = ? AND kind = ? AND name = ? COLLATE NOCASE", account, kind, name)
}

// Principals lists an account's principals.
func (s *Store) Principals(ctx context.Context, account kms.AccountID, after kms.PrincipalID, limit int) ([]kms.PrincipalRow, error) {
	return list(ctx, s, "list principals", scanPrincipal,
		"SELECT "+principals.columns+" FROM principals WHERE account = ? AND id > ? ORDER BY id LIMIT ?",
		account, after, max(limit, 0))
}
