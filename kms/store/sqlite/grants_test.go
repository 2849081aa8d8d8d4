package sqlite_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/keyhold/keyhold/kms"
)

// TestGrantsAreCountedRight compares the count that is kept with the rows, after changes many of which are refused.
func TestGrantsAreCountedRight(t *testing.T) {
	dir := t.TempDir()
	s := create(t, dir)
	if err := s.Apply(t.Context(), kms.Change{Keys: append(keyChange(0, 1).Keys, keyChange(1, 1).Keys...)}); err != nil {
		t.Fatal(err)
	}
	made := 0
	for range 200 {
		c := kms.Change{MaxGrants: 6}
		for range 1 + rand.IntN(3) {
			g := grantOf(rand.IntN(12))
			g.KeyID, g.Rev = keyID(rand.IntN(2)), int64(1+rand.IntN(2))
			if rand.IntN(3) > 0 {
				c.Grants = append(c.Grants, g)
			} else {
				c.DropGrants = append(c.DropGrants, g)
			}
		}
		switch err := s.Apply(t.Context(), c); {
		case err == nil:
			made++
		case !errors.Is(err, kms.ErrConflict) && !errors.Is(err, kms.ErrGrantLimit):
			t.Fatal(err)
		}
	}
	shut(t, s)
	const wrong = `SELECT count(*) FROM keys
		WHERE (SELECT count(*) FROM grants WHERE key_id = keys.id) IS NOT (SELECT grants FROM grant_counts WHERE key_id = keys.id)`
	var keys int
	if err := raw(t, dir).QueryRow(wrong).Scan(&keys); err != nil || keys != 0 || made == 0 {
		t.Errorf("%d keys have a wrong count after %d changes, %v", keys, made, err)
	}
}
