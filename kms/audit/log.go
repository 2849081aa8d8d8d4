package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrClosed is the error of a log that has been closed.
var ErrClosed = errors.New("the audit log is closed")

// ErrUnwritten is an error of Append after which none of its records is in the log, nor comes into it unless the machine
// crashes: the disk was full, or the log takes no records any more (see Log.Err).
var ErrUnwritten = errors.New("none of the records was written")

// queueLength bounds how many Appends wait for the committer; more wait for room, or for the end of their context.
const queueLength = 1024

// Log is an open log. Its methods may be called concurrently.
type Log struct {
	config Config
	disk   disk // locked until Close

	queue   chan *request
	closing chan struct{} // closed by Close
	stopped chan struct{} // closed when the committer has ended

	// Of the committer alone.
	file  file
	batch []byte
	full  bool // the last batch failed because the disk was full

	mu       sync.Mutex
	durable  extent
	failed   error // why the log is poisoned
	closed   bool
	closeErr error
}

// extent is what of a log is on stable storage.
type extent struct {
	segments []uint64 // their first sequence numbers, ascending; never changed, only replaced
	size     int64    // octets of the newest
	next     uint64   // the sequence number after the last record
}

// request is one Append on its way.
type request struct {
	records [][]byte
	size    int        // no less than the octets of its lines
	done    chan error // receives exactly once, and never blocks
}

func newLog(c Config, under *osDisk) *Log {
	l := &Log{
		config: c, disk: under,
		queue:   make(chan *request, queueLength),
		closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	if c.wrap != nil {
		l.disk = c.wrap(under)
	}
	return l
}

// Append writes records (JSON objects without line feeds, at most MaxRecord octets each, together less than 4 MiB)
// one after another and returns when all of them are on stable storage.
//
// On any error none of them is acknowledged, but they may be in the log nevertheless, or come into it: after the end
// of ctx, when the committer already has them, and after a crash. Has tells, once the log has been opened again or a
// later Append has returned. Errors are the context's, ErrClosed, and those of the disk, which may have poisoned the
// log (see Err). ErrUnwritten among them says that none of the records is there.
func (l *Log) Append(ctx context.Context, records ...[]byte) error {
	if len(records) == 0 {
		return nil
	}
	r, err := newRequest(records)
	if err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	if err := l.send(ctx, r); err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	return nil
}

// newRequest copies the records: the caller may give up, and use its buffers again, before they are written.
func newRequest(records [][]byte) (*request, error) {
	r := &request{records: make([][]byte, len(records)), done: make(chan error, 1)}
	for i, record := range records {
		if err := checkRecord(record); err != nil {
			return nil, err
		}
		r.records[i] = bytes.Clone(record)
		r.size += len(record) + maxLine - MaxRecord
	}
	if r.size > maxBatch {
		return nil, fmt.Errorf("the records have %d bytes together, more than %d", r.size, maxBatch)
	}
	return r, nil
}

func (l *Log) send(ctx context.Context, r *request) error {
	// A select takes any case that is ready: a closed log, or a context that has ended, must win.
	select {
	case <-l.closing:
		return ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closing:
		return ErrClosed
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stopped:
	}
	// It may have been written by the committer's last batch, or have come after it.
	select {
	case err := <-r.done:
		return err
	default:
		return ErrClosed
	}
}

// Size is the number of records on stable storage, those of segments that were moved away included. It is the
// sequence number of the next record.
func (l *Log) Size() uint64 { return l.extent().next }

// Err tells why the log is poisoned; nil while it can be appended to. It is for readiness checks.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

func (l *Log) extent() extent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// Close writes what has been queued, stops the committer and gives the directory free. Records of Appends that it
// overtakes fail with ErrClosed. Closing again does nothing and returns the same error.
func (l *Log) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if first {
		close(l.closing)
	}
	<-l.stopped
	return l.closeErr
}
