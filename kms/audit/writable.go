package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// scratchName is a file beside the segments that holds nothing.
const scratchName = "writable.tmp"

// CheckWrite proves that a record could become durable, for readiness: the log is not poisoned, and a block written into
// its directory reaches the disk. It writes no record.
func (l *Log) CheckWrite() error {
	if err := l.Err(); err != nil {
		return fmt.Errorf("the audit log is closed to writing since an earlier error: %w", err)
	}
	path := filepath.Join(l.config.Dir, scratchName)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("write beside the audit log: %w", err)
	}
	_, err = f.Write(make([]byte, 4096))
	if err := errors.Join(err, f.Sync(), f.Close(), os.Remove(path)); err != nil {
		return fmt.Errorf("write beside the audit log: %w", err)
	}
	return nil
}
