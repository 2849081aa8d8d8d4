package audit

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
)

// maxBatch bounds the octets of one write, and so of what a crash can leave behind.
const maxBatch = 4 << 20

// commitLoop makes batches of what is queued. While one is being synced the next one gathers in the queue, so the
// busier the log is, the larger its batches are.
func (l *Log) commitLoop() {
	defer close(l.stopped)
	var held *request // did not fit into the last batch
	for {
		first := held
		if first == nil {
			select {
			case first = <-l.queue:
			case <-l.closing:
				if first = l.tryNext(); first == nil {
					l.closeErr = errors.Join(l.file.Close(), l.disk.Close())
					return
				}
			}
		}
		var batch []*request
		batch, held = l.gather(first)
		err := l.commit(batch)
		for _, r := range batch {
			r.done <- err
		}
	}
}

func (l *Log) tryNext() *request {
	select {
	case r := <-l.queue:
		return r
	default:
		return nil
	}
}

// gather takes what is queued and fits into one write. What does not fit is returned apart.
func (l *Log) gather(first *request) (batch []*request, held *request) {
	size := 0
	for r := first; r != nil; r = l.tryNext() {
		if size += r.size; size > maxBatch {
			return batch, r
		}
		batch = append(batch, r)
	}
	return batch, nil
}

// commit makes one batch durable, or fails it.
func (l *Log) commit(batch []*request) error {
	if err := l.Err(); err != nil {
		return fmt.Errorf("%w: the log is closed to writing since an earlier error: %w", ErrUnwritten, err)
	}
	now := l.extent()
	l.batch = l.batch[:0]
	end := now.next
	for _, r := range batch {
		for _, record := range r.records {
			l.batch = appendFrame(l.batch, end, record)
			end++
		}
	}
	if now.size > 0 && now.size+int64(len(l.batch)) > l.config.SegmentBytes {
		if err := l.rotate(&now); err != nil {
			return err
		}
	}
	if err := l.write(now.size); err != nil {
		return err
	}
	now.size += int64(len(l.batch))
	now.next = end
	l.publish(now)
	if l.full {
		l.full = false
		l.config.Logger.Info("audit: there is room on the disk again")
	}
	return nil
}

// write appends the batch to a segment of the given length and syncs it.
func (l *Log) write(size int64) error {
	if _, err := l.file.Write(l.batch); err != nil {
		return l.undo(size, err)
	}
	if err := l.file.Sync(); err != nil {
		return l.poison(size, fmt.Errorf("sync: %w", err))
	}
	if err := l.file.Check(size + int64(len(l.batch))); err != nil {
		return l.poison(-1, err)
	}
	return nil
}

// undo deals with a failed write. Nothing of the batch has been synced, so after cutting it off a full disk is as
// before; the next sync covers the cut too.
func (l *Log) undo(size int64, cause error) error {
	if !isFull(cause) {
		return l.poison(size, cause)
	}
	if err := l.file.Truncate(size); err != nil {
		return l.poison(-1, errors.Join(cause, err))
	}
	return l.wait(cause)
}

// wait fails a batch for a full disk, and says so in the log once, not for every request of a busy server.
func (l *Log) wait(cause error) error {
	if !l.full {
		l.full = true
		l.config.Logger.Error("audit: the disk is full; requests fail until there is room", "error", cause)
	}
	return fmt.Errorf("%w: %w", ErrUnwritten, cause)
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// poison closes the log to writing. The batch is cut off, if that is still possible (size not negative), so that the
// next Open does not find, in the kernel's memory, records that never reached the disk and takes them for durable.
func (l *Log) poison(size int64, cause error) error {
	if size >= 0 {
		cause = errors.Join(cause, l.file.Truncate(size))
	}
	l.mu.Lock()
	l.failed = cause
	l.mu.Unlock()
	l.config.Logger.Error("audit: no record can be written until the log is opened again", "error", cause)
	return cause
}

// rotate begins a new segment. The old one is durable, as every batch is.
func (l *Log) rotate(now *extent) error {
	f, err := l.disk.Create(segmentName(now.next))
	if isFull(err) {
		return l.wait(err)
	}
	if err != nil {
		return l.poison(-1, fmt.Errorf("begin a segment: %w", err))
	}
	if err := l.file.Close(); err != nil {
		return l.poison(-1, errors.Join(fmt.Errorf("close a segment: %w", err), f.Close()))
	}
	l.file = f
	now.segments = append(slices.Clone(now.segments), now.next)
	now.size = 0
	// The new segment is used even if the batch fails: it exists, so it cannot be made again.
	l.publish(*now)
	return nil
}

func (l *Log) publish(now extent) {
	l.mu.Lock()
	l.durable = now
	l.mu.Unlock()
}
