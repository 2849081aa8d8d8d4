package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// faults is a disk between the log and the real one that fails on demand.
type faults struct {
	disk
	mu       sync.Mutex
	room     int // octets that can still be written; negative: no limit
	write    error
	sync     error
	truncate error
	create   error
	block    chan struct{} // a write waits for it, after
	entered  chan struct{} // telling that it has begun
}

func (d *faults) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *faults) Create(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.create != nil {
		return nil, d.create
	}
	f, err := d.disk.Create(name)
	return &faultyFile{file: f, faults: d}, err
}

func (d *faults) Append(name string) (file, error) {
	f, err := d.disk.Append(name)
	return &faultyFile{file: f, faults: d}, err
}

type faultyFile struct {
	file
	*faults
}

func (f *faultyFile) Close() error { return f.file.Close() }

func (f *faultyFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.block != nil {
		select {
		case f.entered <- struct{}{}:
		default:
		}
		<-f.block
	}
	if f.write != nil {
		return 0, f.write
	}
	if f.room < 0 || len(p) <= f.room {
		return f.file.Write(p)
	}
	n, err := f.file.Write(p[:f.room])
	f.room -= n
	return n, errors.Join(err, &os.PathError{Op: "write", Path: "segment", Err: syscall.ENOSPC})
}

func (f *faultyFile) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sync != nil {
		return f.sync
	}
	return f.file.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.truncate != nil {
		return f.truncate
	}
	return f.file.Truncate(size)
}

func faultyLog(t *testing.T, dir string, segmentBytes int64) (*Log, *faults) {
	t.Helper()
	d := &faults{room: -1}
	l, err := Open(t.Context(), Config{Dir: dir, SegmentBytes: segmentBytes, wrap: func(under disk) disk {
		d.disk = under
		return d
	}})
	if err != nil {
		t.Fatal(err)
	}
	return l, d
}

func event(id string) []byte { return fmt.Appendf(nil, `{"eventID":%q}`, id) }

// ids closes the log and reads it with a new one, from the real disk.
func ids(t *testing.T, l *Log) []string {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), Config{Dir: l.config.Dir})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	err = again.Read(t.Context(), 0, func(_ uint64, record []byte) error {
		list = append(list, string(record[len(eventIDMember)+1:len(record)-2]))
		return nil
	})
	if err := errors.Join(err, again.Close()); err != nil {
		t.Fatal(err)
	}
	return list
}

func wantIDs(t *testing.T, l *Log, want ...string) {
	t.Helper()
	if got := ids(t, l); !slices.Equal(got, want) {
		t.Errorf("the log has %v, want %v", got, want)
	}
}

func TestAFullDiskIsWaitedFor(t *testing.T) {
	for room := range 116 { // less than the two lines of a refused Append, which have 116 octets
		l, d := faultyLog(t, t.TempDir(), 0)
		if err := l.Append(t.Context(), event("before")); err != nil {
			t.Fatal(err)
		}
		d.set(func() { d.room = room })
		for range 2 {
			err := l.Append(t.Context(), event("refused"), event("refused"))
			if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, ErrUnwritten) || l.Err() != nil {
				t.Fatalf("room for %d: %v, %v", room, err, l.Err())
			}
		}
		d.set(func() { d.room = -1 })
		if err := l.Append(t.Context(), event("after")); err != nil {
			t.Fatalf("there is room again: %v", err)
		}
		wantIDs(t, l, "before", "after")
	}
}

func TestAFullDiskAtRotationIsWaitedFor(t *testing.T) {
	l, d := faultyLog(t, t.TempDir(), 60)
	for i, room := range []error{nil, syscall.ENOSPC, syscall.EDQUOT, nil} {
		d.set(func() { d.create = room })
		if err := l.Append(t.Context(), event(fmt.Sprint(i))); !errors.Is(err, room) || errors.Is(err, ErrUnwritten) != (room != nil) || l.Err() != nil {
			t.Fatalf("%d: %v, %v", i, err, l.Err())
		}
	}
	// Room for the new segment, but not for what belongs in it.
	d.set(func() { d.room = 5 })
	if err := l.Append(t.Context(), event("4")); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	d.set(func() { d.room = -1 })
	if err := l.Append(t.Context(), event("5")); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, l, "0", "3", "5")
}

func TestEveryOtherFailurePoisonsTheLog(t *testing.T) {
	for name, fail := range map[string]func(*faults){
		"write":                   func(d *faults) { d.write = syscall.EIO },
		"sync":                    func(d *faults) { d.sync = syscall.EIO },
		"sync on a full disk":     func(d *faults) { d.sync = syscall.ENOSPC },
		"create":                  func(d *faults) { d.create = syscall.EACCES },
		"full and cannot be cut":  func(d *faults) { d.room, d.truncate = 20, syscall.EIO },
		"sync and cannot be cut":  func(d *faults) { d.sync, d.truncate = syscall.EIO, syscall.EPERM },
		"sync on a broken device": func(d *faults) { d.sync = fmt.Errorf("no device: %w", syscall.ENXIO) },
	} {
		t.Run(name, func(t *testing.T) {
			l, d := faultyLog(t, t.TempDir(), 60) // each record has a segment of its own
			if err := l.Append(t.Context(), event("before")); err != nil {
				t.Fatal(err)
			}
			d.set(func() { fail(d) })
			if err := l.Append(t.Context(), event("x")); err == nil || errors.Is(err, ErrUnwritten) || l.Err() == nil {
				t.Fatalf("acknowledged, or said not to be there: %v, %v", err, l.Err())
			}
			d.set(func() { d.write, d.sync, d.create, d.truncate, d.room = nil, nil, nil, nil, -1 })
			if err := l.Append(t.Context(), event("y")); !errors.Is(err, ErrUnwritten) {
				t.Fatalf("a later record was acknowledged, or may be there: %v", err)
			}
			has, err := l.Has(t.Context(), []string{"before", "x", "y"})
			if err != nil || !has["before"] || has["x"] || has["y"] {
				t.Errorf("Has gives %v, %v", has, err)
			}
			want := []string{"before"}
			if name == "sync and cannot be cut" {
				want = append(want, "x") // not acknowledged, but there
			}
			wantIDs(t, l, want...)
		})
	}
}

func TestAnAppendWhoseContextEndsMayStillBeWritten(t *testing.T) {
	l, d := faultyLog(t, t.TempDir(), 0)
	block, entered := make(chan struct{}), make(chan struct{}, 1)
	d.set(func() { d.block, d.entered = block, entered })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered // a context that ends before keeps the record out
		cancel()
	}()
	buffer := event("given up")
	if err := l.Append(ctx, buffer); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	copy(buffer, "the caller uses its buffer again")
	close(block)
	if err := l.Append(t.Context(), event("after")); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, l, "given up", "after")
}

func TestAFullQueueHeedsContextsAndClose(t *testing.T) {
	l, d := faultyLog(t, t.TempDir(), 0)
	block, entered := make(chan struct{}), make(chan struct{}, 1)
	d.set(func() { d.block, d.entered = block, entered })
	var wg sync.WaitGroup
	results := make(chan error, queueLength+100)
	wg.Go(func() { results <- l.Append(t.Context(), event("x")) })
	<-entered // the committer's batch is complete, so all the others queue
	for range queueLength + 99 {
		wg.Go(func() { results <- l.Append(t.Context(), event("x")) })
	}
	for len(l.queue) < queueLength {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := l.Append(ctx, event("late")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	closed := make(chan error)
	go func() { closed <- l.Close() }()
	<-l.closing
	close(block)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	wg.Wait()
	close(results)
	written := 0
	for err := range results {
		if err == nil {
			written++
		} else if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	if got := len(ids(t, l)); got < written || written < queueLength {
		t.Errorf("%d records are in the log, %d were acknowledged", got, written)
	}
}

func TestABatchLongerThanASegmentIsWritten(t *testing.T) {
	l, _ := faultyLog(t, t.TempDir(), 1)
	for _, id := range []string{"a", "b"} {
		if err := l.Append(t.Context(), event(id), event(id)); err != nil {
			t.Fatal(err)
		}
	}
	wantIDs(t, l, "a", "a", "b", "b")
}

func TestOpenReportsAReadingFailure(t *testing.T) {
	v, err := scan(t.Context(), io.MultiReader(newReader("x"), failingReader{}), 0, nil)
	if !errors.Is(err, syscall.EIO) || v.bad != nil {
		t.Errorf("scan gives %+v, %v", v, err)
	}
	dir := filepath.Join(t.TempDir(), "no", "such", "parent")
	if _, err := Open(t.Context(), Config{Dir: dir}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open gives %v", err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, syscall.EIO }
