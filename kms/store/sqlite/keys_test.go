package sqlite_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// TestKeysAreCountedRight compares the count that is kept with the rows, after changes many of which are refused.
func TestKeysAreCountedRight(t *testing.T) {
	dir := t.TempDir()
	s := create(t, dir)
	made := 0
	for range 200 {
		c := kms.Change{MaxKeys: 20}
		for range 1 + rand.IntN(3) {
			n := rand.IntN(100)
			c.Keys = append(c.Keys, kms.KeyRow{ID: keyID(n), Rev: int64(1 + rand.IntN(2)), Account: []kms.AccountID{"1", "2"}[n%2],
				Manager: []keyspec.KeyManager{keyspec.ManagerCustomer, keyspec.ManagerAWS}[n/2%2]})
		}
		switch err := s.Apply(t.Context(), c); {
		case err == nil:
			made++
		case !errors.Is(err, kms.ErrConflict) && !errors.Is(err, kms.ErrKeyLimit):
			t.Fatal(err)
		}
	}
	shut(t, s)
	db := raw(t, dir)
	const wrong = `SELECT count(*) FROM key_counts AS c
		WHERE c.keys IS NOT (SELECT count(*) FROM keys WHERE account = c.account AND manager = 'CUSTOMER')`
	var accounts int
	if err := db.QueryRow(wrong).Scan(&accounts); err != nil || accounts != 0 || made == 0 {
		t.Errorf("%d accounts have a wrong count after %d changes, %v", accounts, made, err)
	}
	if _, err := db.Exec("DELETE FROM keys WHERE account = '1'"); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow("SELECT coalesce(sum(keys), 0) FROM key_counts WHERE account = '1'").Scan(&accounts); err != nil || accounts != 0 {
		t.Errorf("%d keys are counted of none, %v", accounts, err)
	}
}
