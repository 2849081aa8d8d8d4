package sqlite

import (
	"context"
	"fmt"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

var generations = newTable("generations", generationArgs, 2, "key_id", "number", "rev", "state", "object", "token", "mechanism",
	"iv_policy", "material_id", "rotation_type", "created_at", "canary_iv", "canary_ciphertext", "mac")

func generationArgs(g kms.GenerationRow) []any {
	return []any{g.KeyID, g.Number, g.Rev, g.State, g.Object[:], g.Token, signed(g.Cipher.Mechanism), int(g.Cipher.IV),
		g.MaterialID, g.RotationType, g.CreatedAt, octets(g.Canary.IV), octets(g.Canary.Ciphertext), octets(g.MAC)}
}

func scanGeneration(row scanner) (kms.GenerationRow, error) {
	var g kms.GenerationRow
	err := row.Scan(&g.KeyID, &g.Number, &g.Rev, &g.State, objectID{&g.Object}, &g.Token, unsigned{&g.Cipher.Mechanism},
		&g.Cipher.IV, &g.MaterialID, &g.RotationType, &g.CreatedAt, blob{&g.Canary.IV}, blob{&g.Canary.Ciphertext},
		blob{&g.MAC})
	return g, err
}

// Generations lists every generation of every key of every account.
func (s *Store) Generations(ctx context.Context) ([]kms.GenerationRow, error) {
	return list(ctx, s, "list generations", scanGeneration,
		"SELECT "+generations.columns+" FROM generations ORDER BY key_id, number")
}

func generationsOf(ctx context.Context, q querier, id kms.KeyID) ([]kms.GenerationRow, error) {
	return selectAll(ctx, q, scanGeneration,
		"SELECT "+generations.columns+" FROM generations WHERE key_id = ? ORDER BY number", id)
}

// objectID scans a column of 16 octets.
type objectID struct{ dest *device.ObjectID }

// Scan implements sql.Scanner.
func (o objectID) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok || len(raw) != len(o.dest) {
		return fmt.Errorf("scan an object id: got %T of another length than %d", src, len(o.dest))
	}
	copy(o.dest[:], raw)
	return nil
}
