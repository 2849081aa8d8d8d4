package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Config says where a log is and how it is cut. Only Dir is needed.
type Config struct {
	// Dir is the log's directory. It is made with mode 0700 if it does not exist; its parent must.
	Dir string
	// SegmentBytes is the length from which on the next batch begins a new segment; 0: 64 MiB. A segment is longer
	// only when a single batch is.
	SegmentBytes int64
	// Logger is told of repairs and of failures to write; nil: nobody is.
	Logger *slog.Logger

	wrap func(disk) disk // puts failures between the log and the disk, in tests; nil: none
}

func (c Config) withDefaults() Config {
	if c.SegmentBytes <= 0 {
		c.SegmentBytes = 64 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Open opens the log in c.Dir, or begins one. It verifies the newest segment and the one before it, repairs what a
// crash left at the end and starts the committer, which runs until Close. One process at a time has a log open.
//
// Older segments are verified when they are read. Damage that no crash explains is an error which says where it is
// and what to do; nothing is changed then. ctx bounds the opening only.
func Open(ctx context.Context, c Config) (*Log, error) {
	c = c.withDefaults()
	under, err := openDisk(c.Dir)
	if err != nil {
		return nil, err
	}
	l, err := open(ctx, c, under)
	if err != nil {
		return nil, errors.Join(err, under.Close())
	}
	go l.commitLoop()
	return l, nil
}

func open(ctx context.Context, c Config, under *osDisk) (*Log, error) {
	segments, err := listSegments(c.Dir)
	if err != nil {
		return nil, err
	}
	l := newLog(c, under)
	if len(segments) == 0 {
		if l.file, err = l.disk.Create(segmentName(0)); err != nil {
			return nil, fmt.Errorf("begin the audit log: %w", err)
		}
		l.durable = extent{segments: []uint64{0}}
		return l, nil
	}
	if err := checkPrevious(ctx, c.Dir, segments); err != nil {
		return nil, err
	}
	newest := segments[len(segments)-1]
	v, err := scanFile(ctx, c.Dir, newest, -1, nil)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	if v.bad != nil && v.bad.torn == nil {
		return nil, refuse(c.Dir, newest, v.bad)
	}
	if l.file, err = l.disk.Append(segmentName(newest)); err != nil {
		return nil, fmt.Errorf("open the audit log for writing: %w", err)
	}
	if err := l.settle(under, newest, &v); err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	l.durable = extent{segments: segments, size: v.size, next: v.next}
	return l, nil
}

// checkPrevious verifies that the segment before the newest ends where the newest begins: that is where a removed
// newest segment, or one put in its place, shows.
func checkPrevious(ctx context.Context, dir string, segments []uint64) error {
	if len(segments) < 2 {
		return nil
	}
	previous, newest := segments[len(segments)-2], segments[len(segments)-1]
	v, err := scanFile(ctx, dir, previous, -1, nil)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	if v.bad != nil {
		return refuse(dir, previous, v.bad)
	}
	return checkJoin(dir, v.next, newest)
}

// checkJoin refuses a segment that does not begin where the one before it ends.
func checkJoin(dir string, end, first uint64) error {
	if end == first {
		return nil
	}
	return fmt.Errorf("the audit log in %s is damaged: the segment before %s ends before record %d, so records are "+
		"missing or segments were moved; nothing was changed. Restore the segments from a backup", dir, segmentName(first), end)
}

// settle repairs the end of the newest segment and makes everything that was read from it durable: a process that
// was killed between its write and its sync leaves records that are in the kernel's memory only.
func (l *Log) settle(under *osDisk, newest uint64, v *verified) error {
	if v.bad != nil {
		if err := l.repair(under, newest, v); err != nil {
			return fmt.Errorf("repair the end of the audit log: %w", err)
		}
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync the audit log: %w", err)
	}
	return l.file.Check(v.size)
}

func (l *Log) repair(under *osDisk, newest uint64, v *verified) error {
	bad := v.bad
	if bad.whole {
		if _, err := l.file.Write([]byte("\n")); err != nil {
			return err
		}
		v.size += int64(len(bad.torn)) + 1
		v.next++
		l.config.Logger.Warn("audit: completed the last record", "segment", segmentName(newest), "line", bad.line)
		return nil
	}
	kept, err := under.keepTorn(newest, bad)
	if err != nil {
		return err
	}
	if err := l.file.Truncate(bad.offset); err != nil {
		return err
	}
	l.config.Logger.Warn("audit: cut what a crash left after the last record", "segment", segmentName(newest),
		"line", bad.line, "offset", bad.offset, "bytes", len(bad.torn), "kept", kept)
	return nil
}
