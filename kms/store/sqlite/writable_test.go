package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/keyhold/keyhold/kms/store/sqlite"
)

// walOctets is how long the write-ahead log is.
func walOctets(t *testing.T, dir string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "keyhold.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestCheckWriteReachesTheDiskAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	s := create(t, dir)
	before := walOctets(t, dir)
	if err := s.CheckWrite(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := walOctets(t, dir); after <= before {
		t.Errorf("the write-ahead log had %d octets and has %d: nothing was written", before, after)
	}
	shut(t, s)
	s = reopen(t, dir) // which checks header and schema
	if found, err := s.HasRows(t.Context()); err != nil || found {
		t.Errorf("rows %v, error %v", found, err)
	}
	shut(t, s)
	if err := s.CheckWrite(t.Context()); !errors.Is(err, sqlite.ErrClosed) {
		t.Errorf("of a closed store: %v", err)
	}
}
