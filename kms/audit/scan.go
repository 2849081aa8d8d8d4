package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// damage is the first place of a segment that fails the check.
type damage struct {
	line   int    // counted from 1
	offset int64  // octets before it
	torn   []byte // what a crash left from there to the end; nil if no crash explains it
	whole  bool   // torn is a last record that lacks nothing but its line feed
	reason string // why no crash explains it
}

// verified is what a scan found good.
type verified struct {
	next uint64 // the sequence number after the last record
	size int64  // octets of all good lines
	bad  *damage
}

// visit gets each good record in turn. The record is valid until it returns.
type visit func(seq uint64, record []byte) error

// scan reads a segment from its beginning, whose first record has the sequence number first. Its error is that of r,
// of ctx, or of fn (nil: none); damage is not an error but an answer.
func scan(ctx context.Context, r io.Reader, first uint64, fn visit) (verified, error) {
	v := verified{next: first}
	lines := bufio.NewReaderSize(r, maxLine)
	for number := 1; ; number++ {
		if number%1024 == 0 && ctx.Err() != nil {
			return v, ctx.Err()
		}
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return v, nil
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return v, err
		}
		seq, record, ok := parseFrame(bytes.TrimSuffix(line, []byte("\n")))
		if !ok || err != nil || seq != v.next {
			v.bad, err = diagnose(line, lines, v.next)
			if v.bad != nil {
				v.bad.line, v.bad.offset = number, v.size
			}
			return v, err
		}
		v.next++
		v.size += int64(len(line))
		if fn == nil {
			continue
		}
		if err := fn(seq, record); err != nil {
			return v, err
		}
	}
}

// diagnose looks at the first bad line and what follows it.
func diagnose(line []byte, following io.Reader, want uint64) (*damage, error) {
	// One octet more than a crash can leave is enough to know that it was none.
	rest, err := io.ReadAll(io.MultiReader(bytes.NewReader(bytes.Clone(line)), io.LimitReader(following, maxBatch)))
	if err != nil {
		return nil, err
	}
	if seq, _, ok := parseFrame(bytes.TrimSuffix(line, []byte("\n"))); ok {
		if seq == want {
			return &damage{torn: rest, whole: true}, nil
		}
		return &damage{reason: fmt.Sprintf("it has sequence number %d where %d belongs: records are missing or were moved", seq, want)}, nil
	}
	for l := range bytes.Lines(rest) {
		if holdsFrame(bytes.TrimSuffix(l, []byte("\n"))) {
			return &damage{reason: "it fails its check, and records that pass theirs come after it"}, nil
		}
	}
	if len(rest) > maxBatch {
		return &damage{reason: "it fails its check, and so do more bytes after it than one batch has"}, nil
	}
	return &damage{torn: rest}, nil
}

// holdsFrame tells whether a good line ends where this one ends. It need not begin where this one begins: damage to a
// line feed joins two lines.
func holdsFrame(line []byte) bool {
	for {
		at := bytes.Index(line, []byte(headOpen))
		if at < 0 {
			return false
		}
		if _, _, ok := parseFrame(line[at:]); ok {
			return true
		}
		line = line[at+len(headOpen):]
	}
}
