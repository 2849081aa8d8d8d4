package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// segmentName is the name of the segment whose first record has that sequence number.
func segmentName(first uint64) string { return fmt.Sprintf("audit-%020d.jsonl", first) }

// segmentFirst is the inverse of segmentName; false for a name that it does not make.
func segmentFirst(name string) (uint64, bool) {
	digits := strings.TrimSuffix(strings.TrimPrefix(name, "audit-"), ".jsonl")
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && segmentName(first) == name
}

// listSegments finds the segments of a directory, by their first sequence numbers, ascending.
func listSegments(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the audit segments: %w", err)
	}
	var firsts []uint64
	for _, e := range entries {
		if first, ok := segmentFirst(e.Name()); ok {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// scanFile scans the first size octets of a segment; all of it when size is negative.
func scanFile(ctx context.Context, dir string, first uint64, size int64, fn visit) (v verified, err error) {
	f, err := openRegular(filepath.Join(dir, segmentName(first)), os.O_RDONLY)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var r io.Reader = f
	if size >= 0 {
		r = io.LimitReader(f, size)
	}
	return scan(ctx, r, first, fn)
}

// refuse is the error for damage that no crash explains.
func refuse(dir string, first uint64, bad *damage) error {
	reason := bad.reason
	if reason == "" {
		reason = "it fails its check, and the log goes on after it"
	}
	path := filepath.Join(dir, segmentName(first))
	return fmt.Errorf("the audit log is damaged in %s, line %d (byte %d): %s; nothing was changed. Keep a copy of the "+
		"directory as evidence and restore the file from a backup. To go on without the damaged records, move every "+
		"segment to another place: a new log then begins", path, bad.line, bad.offset, reason)
}

// tornName is a name for bytes cut from a segment that no file has yet.
func tornName(dir string, first uint64, offset int64) (string, error) {
	for n := 0; ; n++ {
		path := filepath.Join(dir, fmt.Sprintf("%s.%d-%d.torn", segmentName(first), offset, n))
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path, nil
		} else if err != nil {
			return "", err
		}
	}
}

// keepTorn writes the bytes that are about to be cut to a file beside the segment, durably.
func (d *osDisk) keepTorn(first uint64, bad *damage) (string, error) {
	path, err := tornName(d.path, first, bad.offset)
	if err != nil {
		return "", err
	}
	f, err := openRegular(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY)
	if err != nil {
		return "", err
	}
	_, err = f.Write(bad.torn)
	if err := errors.Join(err, f.Sync(), f.Close(), d.dir.Sync()); err != nil {
		return "", err
	}
	return path, nil
}
