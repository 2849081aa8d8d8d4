package audit_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/keyhold/keyhold/kms/audit"
)

func TestCheckWriteTellsWhetherARecordCouldBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := openLog(t, audit.Config{Dir: dir})
	if err := l.CheckWrite(); err != nil {
		t.Fatal(err)
	}
	if left := segments(t, dir); len(left) != 1 || l.Size() != 0 {
		t.Errorf("it left %v, and the log has %d records", left, l.Size())
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 2 { // the segment, and a lock where there is one
		t.Errorf("it left %v, %v", entries, err)
	}
	// Nothing can be written where a directory is in the way of the block, as on a disk that was mounted read-only.
	if err := os.Mkdir(filepath.Join(dir, "writable.tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.CheckWrite(); err == nil {
		t.Error("nothing could be written, and it did not say so")
	}
}
