package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/audit"
)

// numbers reads a directory whose log is open.
func numbers(t *testing.T, dir string) (seen []uint64, err error) {
	t.Helper()
	err = audit.ReadDir(t.Context(), dir, func(seq uint64, record []byte) error {
		if !strings.Contains(string(record), "eventID") {
			t.Errorf("record %d is %s", seq, record)
		}
		seen = append(seen, seq)
		return nil
	})
	return seen, err
}

func TestAnOpenLogCanBeReadFromOutside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l := openLog(t, audit.Config{Dir: dir, SegmentBytes: 1024})
	var want []uint64
	for i := range uint64(60) {
		appendAll(t, l, "id")
		want = append(want, i)
	}
	all := segments(t, dir)
	if len(all) < 2 {
		t.Fatalf("the log has one segment: %v", all)
	}
	if seen, err := numbers(t, dir); err != nil || !slices.Equal(seen, want) {
		t.Errorf("read %v, %v", seen, err)
	}
	stop := errors.New("enough")
	if err := audit.ReadDir(t.Context(), dir, func(uint64, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the reader's own error became %v", err)
	}
	// A record that is being written is not there yet; one that is damaged further back is missed.
	last := all[len(all)-1]
	f, err := os.OpenFile(last, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`60 {"half`)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if seen, err := numbers(t, dir); err != nil || !slices.Equal(seen, want) {
		t.Errorf("with half a record at the end: %v, %v", seen, err)
	}
	first := all[0]
	text, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(first, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := numbers(t, dir); err == nil || !strings.Contains(err.Error(), "read the audit log") {
		t.Errorf("a damaged segment is read as if it were whole: %v", err)
	}
}
