package sqlite

import (
	"context"

	"github.com/keyhold/keyhold/kms"
)

var sessionKeys = newTable("session_keys", sessionKeyArgs, 1, "id", "rev", "sealed", "created_at", "mac")

func sessionKeyArgs(k kms.SessionKeyRow) []any {
	return []any{k.ID, k.Rev, octets(k.Sealed), k.CreatedAt, octets(k.MAC)}
}

func scanSessionKey(row scanner) (kms.SessionKeyRow, error) {
	var k kms.SessionKeyRow
	err := row.Scan(&k.ID, &k.Rev, blob{&k.Sealed}, &k.CreatedAt, blob{&k.MAC})
	return k, err
}

// SessionKeys lists the keys of session tokens, newest first.
func (s *Store) SessionKeys(ctx context.Context) ([]kms.SessionKeyRow, error) {
	return list(ctx, s, "list session keys", scanSessionKey,
		"SELECT "+sessionKeys.columns+" FROM session_keys ORDER BY created_at DESC, id")
}
