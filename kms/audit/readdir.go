package audit

import (
	"context"
	"fmt"
)

// ReadDir is Log.Read from the beginning, of a directory whose log another process has open. A record that is being
// written when it gets there is the end.
func ReadDir(ctx context.Context, dir string, fn func(seq uint64, record []byte) error) error {
	segments, err := listSegments(dir)
	if err != nil {
		return err
	}
	for i, first := range segments {
		var fnErr error
		v, err := scanFile(ctx, dir, first, -1, func(seq uint64, record []byte) error {
			fnErr = fn(seq, record)
			return fnErr
		})
		switch last := i == len(segments)-1; {
		case fnErr != nil:
			return fnErr
		case err == nil && v.bad != nil && !last:
			err = refuse(dir, first, v.bad)
		}
		if err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
	}
	return nil
}
