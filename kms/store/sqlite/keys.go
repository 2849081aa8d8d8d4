package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

var keys = newTable("keys", keyArgs, 1, "id", "account", "rev", "state", "spec", "usage", "origin", "manager", "description",
	"current_generation", "created_at", "deletion_at", "window_days", "rotation_period_days", "rotation_base",
	"on_demand_rotations", "tag_count", "policy_rev", "mac")

func keyArgs(k kms.KeyRow) []any {
	return []any{k.ID, k.Account, k.Rev, k.State, k.Spec, k.Usage, k.Origin, k.Manager, k.Description, k.Current,
		k.CreatedAt, k.DeletionAt, k.WindowDays, k.RotationPeriodDays, k.RotationBase, k.OnDemandRotations, k.TagCount,
		k.PolicyRev, octets(k.MAC)}
}

func scanKey(row scanner) (kms.KeyRow, error) {
	var k kms.KeyRow
	err := row.Scan(&k.ID, &k.Account, &k.Rev, &k.State, &k.Spec, &k.Usage, &k.Origin, &k.Manager, &k.Description,
		&k.Current, &k.CreatedAt, &k.DeletionAt, &k.WindowDays, &k.RotationPeriodDays, &k.RotationBase,
		&k.OnDemandRotations, &k.TagCount, &k.PolicyRev, blob{&k.MAC})
	return k, err
}

// Keys lists the rows of an account's keys.
func (s *Store) Keys(ctx context.Context, account kms.AccountID, after kms.KeyID, limit int) ([]kms.KeyRow, error) {
	return list(ctx, s, "list keys", scanKey,
		"SELECT "+keys.columns+" FROM keys WHERE account = ? AND id > ? ORDER BY id LIMIT ?",
		account, after, max(limit, 0))
}

const countKeys = "SELECT coalesce(sum(keys), 0) FROM key_counts WHERE account = ?"

// KeyCount is how many customer managed keys an account has.
func (s *Store) KeyCount(ctx context.Context, account kms.AccountID) (int, error) {
	return one(ctx, s, fmt.Sprintf("count the keys of account %s", account), func(row scanner) (n int, err error) {
		err = row.Scan(&n)
		return n, err
	}, countKeys, account)
}

var keyLimit = limit{"account", "keys", countKeys, kms.ErrKeyLimit}

func accountOfKey(k kms.KeyRow) string { return string(k.Account) }

// Key reads a key and all that belongs to it in one transaction.
func (s *Store) Key(ctx context.Context, id kms.KeyID) (kms.KeyRecord, error) {
	var record kms.KeyRecord
	err := s.read(ctx, func(tx *sql.Tx) error {
		var err error
		record, err = readKey(ctx, tx, id)
		return err
	})
	if err != nil {
		return kms.KeyRecord{}, fmt.Errorf("read key %s: %w", id, err)
	}
	return record, nil
}

func readKey(ctx context.Context, tx *sql.Tx, id kms.KeyID) (r kms.KeyRecord, err error) {
	if r.Key, err = selectOne(ctx, tx, scanKey, "SELECT "+keys.columns+" FROM keys WHERE id = ?", id); err != nil {
		return r, err
	}
	if r.Generations, err = generationsOf(ctx, tx, id); err != nil {
		return r, err
	}
	if r.Uses, err = usesOf(ctx, tx, id); err != nil {
		return r, err
	}
	if r.Policy, err = policyOf(ctx, tx, id); err != nil && !errors.Is(err, kms.ErrNotFound) {
		return r, err
	}
	r.Tags, err = tagsOf(ctx, tx, id)
	return r, err
}
