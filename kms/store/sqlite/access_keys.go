package sqlite

import (
	"context"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

var accessKeys = newTable("access_keys", accessKeyArgs, 1, "id", "principal", "account", "rev", "state", "sealed", "created_at", "mac")

func accessKeyArgs(k kms.AccessKeyRow) []any {
	return []any{k.ID, k.Principal, k.Account, k.Rev, k.State, octets(k.Sealed), k.CreatedAt, octets(k.MAC)}
}

func scanAccessKey(row scanner) (kms.AccessKeyRow, error) {
	var k kms.AccessKeyRow
	err := row.Scan(&k.ID, &k.Principal, &k.Account, &k.Rev, &k.State, blob{&k.Sealed}, &k.CreatedAt, blob{&k.MAC})
	return k, err
}

// AccessKey reads a pair of credentials.
func (s *Store) AccessKey(ctx context.Context, id kms.AccessKeyID) (kms.AccessKeyRow, error) {
	return one(ctx, s, fmt.Sprintf("read access key %q", id), scanAccessKey,
		"SELECT "+accessKeys.columns+" FROM access_keys WHERE id = ?", id)
}

// AccessKeys lists the credentials of a principal.
func (s *Store) AccessKeys(ctx context.Context, principal kms.PrincipalID) ([]kms.AccessKeyRow, error) {
	return list(ctx, s, "list access keys", scanAccessKey,
		"SELECT "+accessKeys.columns+" FROM access_keys WHERE principal = ? ORDER BY id", principal)
}
