package sqlite

import (
	"context"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

var uses = newTable("uses", usesArgs, 2, "key_id", "number", "rev", "reserved", "mac")

func usesArgs(u kms.UsesRow) []any {
	return []any{u.KeyID, u.Number, u.Rev, signed(u.Reserved), octets(u.MAC)}
}

func scanUses(row scanner) (kms.UsesRow, error) {
	var u kms.UsesRow
	err := row.Scan(&u.KeyID, &u.Number, &u.Rev, unsigned{&u.Reserved}, blob{&u.MAC})
	return u, err
}

func usesOf(ctx context.Context, q querier, id kms.KeyID) ([]kms.UsesRow, error) {
	return selectAll(ctx, q, scanUses, "SELECT "+uses.columns+" FROM uses WHERE key_id = ? ORDER BY number", id)
}

// signed and unsigned carry 64 bits through SQLite's signed integers unchanged; database/sql refuses the upper half.
func signed(n uint64) int64 { return int64(n) } //nolint:gosec // two's complement is the point

type unsigned struct{ dest *uint64 }

// Scan implements sql.Scanner.
func (u unsigned) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("scan an integer: got %T", src)
	}
	*u.dest = uint64(n) //nolint:gosec // the inverse of signed
	return nil
}
