package sqlite

import (
	"context"

	"github.com/keyhold/keyhold/kms"
)

var tags = newTable("tags", tagArgs, 2, "key_id", "tag", "rev", "value", "position", "mac")

func tagArgs(t kms.TagRow) []any {
	return []any{t.KeyID, t.Key, t.Rev, t.Value, t.Position, octets(t.MAC)}
}

func scanTag(row scanner) (kms.TagRow, error) {
	var t kms.TagRow
	err := row.Scan(&t.KeyID, &t.Key, &t.Rev, &t.Value, &t.Position, blob{&t.MAC})
	return t, err
}

func tagsOf(ctx context.Context, q querier, id kms.KeyID) ([]kms.TagRow, error) {
	return selectAll(ctx, q, scanTag, "SELECT "+tags.columns+" FROM tags WHERE key_id = ? ORDER BY position, tag", id)
}
