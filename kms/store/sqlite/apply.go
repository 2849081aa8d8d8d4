package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

// part is some of what a transaction does.
type part func(context.Context, *sql.Tx) error

// Apply makes a change, all of it or nothing: kms.ErrConflict, kms.ErrKeyLimit, kms.ErrAliasLimit, kms.ErrGrantLimit.
func (s *Store) Apply(ctx context.Context, c kms.Change) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, do := range parts(c) {
			if err := do(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("apply a change: %w", err)
	}
	return nil
}

// parts are what a change does, in the order of its fields. Rows that have a limit are counted when all of them
// are in place.
func parts(c kms.Change) []part {
	return []part{
		every(c.Expect, expect),
		every(c.Keys, keys.put),
		within(c.MaxKeys, keyLimit, c.Keys, accountOfKey),
		every(c.Generations, generations.put),
		every(c.Uses, uses.put),
		every(c.Policies, policies.put),
		every(c.Tags, tags.put),
		every(c.DropTags, tags.drop),
		every(c.Aliases, aliases.put),
		every(c.DropAliases, aliases.drop),
		within(c.MaxAliases, aliasLimit, c.Aliases, keyOfAlias),
		every(c.Principals, principals.put),
		every(c.PrincipalPolicies, principalPolicies.put),
		every(c.AccessKeys, accessKeys.put),
		every(c.SessionKeys, sessionKeys.put),
		every(c.DropPrincipalPolicies, principalPolicies.drop),
		every(c.DropAccessKeys, accessKeys.drop),
		every(c.DropPrincipals, principals.drop),
		every(c.Accounts, accounts.put),
		every(c.DropSessionKeys, sessionKeys.drop),
		every(c.Grants, grants.put),
		every(c.DropGrants, grants.drop),
		within(c.MaxGrants, grantLimit, c.Grants, keyOfGrant),
		every(c.Births, fulfil),
		every(c.Events, post),
	}
}

func every[Row any](rows []Row, do func(context.Context, *sql.Tx, Row) error) part {
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, row := range rows {
			if err := do(ctx, tx, row); err != nil {
				return err
			}
		}
		return nil
	}
}
