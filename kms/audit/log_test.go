package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/keyhold/keyhold/kms/audit"
)

func record(id string) []byte { return []byte(`{"eventID":"` + id + `"}`) }

// openLog opens a log that the end of the test closes.
func openLog(t testing.TB, c audit.Config) *audit.Log {
	t.Helper()
	l, err := audit.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func appendAll(t testing.TB, l *audit.Log, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := l.Append(t.Context(), record(id)); err != nil {
			t.Fatal(err)
		}
	}
}

// contents reads the whole log and checks that its numbers have no gaps.
func contents(t testing.TB, l *audit.Log) []string {
	t.Helper()
	var records []string
	err := l.Read(t.Context(), 0, func(seq uint64, record []byte) error {
		if seq != uint64(len(records)) {
			return fmt.Errorf("record %d comes after %d others", seq, len(records))
		}
		records = append(records, string(record))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if l.Size() != uint64(len(records)) {
		t.Fatalf("Size is %d, the log has %d records", l.Size(), len(records))
	}
	return records
}

func segments(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "audit-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func numbered(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("event-%03d", i)
	}
	return ids
}

func TestALogKeepsWhatItAcknowledged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	l, err := audit.Open(t.Context(), audit.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, "a")
	if err := l.Append(t.Context(), record("b"), record("c")); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context()); err != nil {
		t.Error(err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), record("d")); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Append to a closed log: %v", err)
	}
	// The checks were computed bit by bit, by another program.
	want := `{"seq":0,"record":{"eventID":"a"},"crc":"d882b6fc"}
{"seq":1,"record":{"eventID":"b"},"crc":"1f02f280"}
{"seq":2,"record":{"eventID":"c"},"crc":"ccb0ecef"}
`
	got, err := os.ReadFile(segments(t, dir)[0])
	if err != nil || string(got) != want {
		t.Errorf("segment is\n%swant\n%s(%v)", got, want, err)
	}
	again := openLog(t, audit.Config{Dir: dir})
	appendAll(t, again, "d")
	if got := contents(t, again); !slices.Equal(got, []string{string(record("a")), string(record("b")), string(record("c")), string(record("d"))}) {
		t.Errorf("log holds %q", got)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	appendAll(t, openLog(t, audit.Config{Dir: dir}), "a")
	for path, want := range map[string]os.FileMode{dir: os.ModeDir | 0o700, segments(t, dir)[0]: 0o600} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
	}
}

func TestSegmentsAreRotatedWithoutGaps(t *testing.T) {
	dir := t.TempDir()
	c := audit.Config{Dir: dir, SegmentBytes: 300}
	var want []string
	for range 3 {
		l, err := audit.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			id := fmt.Sprintf("event-%d", len(want))
			appendAll(t, l, id)
			want = append(want, string(record(id)))
		}
		if got := contents(t, l); !slices.Equal(got, want) {
			t.Fatalf("log holds %q", got)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(segments(t, dir)); n < 10 {
		t.Errorf("60 records are in %d segments", n)
	}
	for _, s := range segments(t, dir) {
		if info, err := os.Stat(s); err != nil || info.Size() > 300 {
			t.Errorf("%s: %v bytes, %v", s, info.Size(), err)
		}
	}
	l := openLog(t, c)
	var first uint64
	stop := errors.New("enough")
	err := l.Read(t.Context(), 41, func(seq uint64, _ []byte) error {
		first = seq
		return stop
	})
	if !errors.Is(err, stop) || first != 41 {
		t.Errorf("reading from 41 begins at %d: %v", first, err)
	}
	if err := l.Read(t.Context(), 60, func(uint64, []byte) error { return stop }); err != nil {
		t.Errorf("reading from the end: %v", err)
	}
}

func TestHasFindsIdsInEverySegment(t *testing.T) {
	l := openLog(t, audit.Config{Dir: t.TempDir(), SegmentBytes: 200})
	appendAll(t, l, numbered(40)...)
	spoof := `{"requestParameters":{"encryptionContext":{"eventID":"spoofed"}},"eventID":"real"}`
	if err := l.Append(t.Context(), []byte(spoof)); err != nil {
		t.Fatal(err)
	}
	got, err := l.Has(t.Context(), []string{"event-000", "event-039", "event-020", "event-040", "spoofed", "real", "event-020"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"event-000": true, "event-039": true, "event-020": true, "event-040": false, "spoofed": false, "real": true}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Has gives %v, want %v", got, want)
	}
	if got, err := l.Has(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("Has of nothing gives %v, %v", got, err)
	}
}

func TestManyProducersShareBatches(t *testing.T) {
	const producers, each = 64, 20
	l := openLog(t, audit.Config{Dir: t.TempDir(), SegmentBytes: 8 << 10})
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", p, i)
				if err := l.Append(t.Context(), record(id)); err != nil {
					t.Error(err)
				}
				if i%10 == 0 {
					if has, err := l.Has(t.Context(), []string{id}); err != nil || !has[id] {
						t.Errorf("an acknowledged record is not there: %v, %v", has, err)
					}
				}
			}
		})
	}
	wg.Wait()
	last := map[string]int{}
	for _, r := range contents(t, l) {
		var p string
		var i int
		if _, err := fmt.Sscanf(strings.NewReplacer(`-`, ` `).Replace(r), `{"eventID":"%s %d"}`, &p, &i); err != nil {
			t.Fatal(err)
		}
		if i != last[p] {
			t.Errorf("producer %s: record %d comes where %d belongs", p, i, last[p])
		}
		last[p]++
	}
	if len(last) != producers {
		t.Errorf("%d producers are in the log", len(last))
	}
}

func TestCloseWritesWhatIsQueued(t *testing.T) {
	dir := t.TempDir()
	l, err := audit.Open(t.Context(), audit.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var acknowledged []string
	for p := range 32 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", p, i)
				err := l.Append(t.Context(), record(id))
				if errors.Is(err, audit.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				acknowledged = append(acknowledged, id)
				mu.Unlock()
			}
		})
	}
	for l.Size() < 100 {
		runtime.Gosched()
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	checkAcknowledged(t, openLog(t, audit.Config{Dir: dir}), acknowledged)
}

func checkAcknowledged(t *testing.T, l *audit.Log, ids []string) {
	t.Helper()
	has, err := l.Has(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if !has[id] {
			t.Errorf("the acknowledged record %s is not in the log", id)
		}
	}
}

func TestAppendRefusesWhatIsNoRecord(t *testing.T) {
	l := openLog(t, audit.Config{Dir: t.TempDir()})
	big := []byte(`{"x":"` + strings.Repeat("x", audit.MaxRecord-8) + `"}`)
	if err := l.Append(t.Context(), big); err != nil {
		t.Errorf("the largest record: %v", err)
	}
	for name, records := range map[string][][]byte{
		"nothing": {{}}, "a string": {[]byte(`"x"`)}, "half an object": {[]byte(`{"x":`)}, "two lines": {[]byte("{\n}")},
		"not UTF-8": {[]byte("{\"x\":\"\xff\"}")}, "two values": {[]byte(`{}{}`)}, "a good one and a bad one": {record("a"), []byte("x")},
		"too long": {append(big, ' ')}, "too many": {big, big, big, big},
	} {
		if err := l.Append(t.Context(), records...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if n := len(contents(t, l)); n != 1 {
		t.Errorf("log has %d records", n)
	}
}

func TestAppendHeedsItsContext(t *testing.T) {
	l := openLog(t, audit.Config{Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Append(ctx, record("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("Append: %v", err)
	}
	if l.Size() != 0 {
		t.Error("a record whose context had ended was written")
	}
	appendAll(t, l, numbered(2000)...)
	if _, err := l.Has(ctx, []string{"x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Has: %v", err)
	}
}

func TestALogIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	openLog(t, audit.Config{Dir: dir})
	if l, err := audit.Open(t.Context(), audit.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another keyhold process") {
		t.Errorf("a second Open gives %v, %v", l, err)
	}
}

func TestLinksAndOddFilesAreNotFollowed(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(elsewhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const name = "audit-00000000000000000000.jsonl"
	for what, put := range map[string]func(dir string) error{
		"a link":                     func(dir string) error { return os.Symlink(elsewhere, filepath.Join(dir, name)) },
		"a FIFO":                     func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, name), 0o600) },
		"a directory":                func(dir string) error { return os.Mkdir(filepath.Join(dir, name), 0o700) },
		"a directory that is a link": func(dir string) error { return errors.Join(os.Remove(dir), os.Symlink(os.TempDir(), dir)) },
		"a directory that is a file": func(dir string) error { return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600)) },
	} {
		dir := filepath.Join(t.TempDir(), "audit")
		if err := errors.Join(os.Mkdir(dir, 0o700), put(dir)); err != nil {
			t.Fatal(err)
		}
		if l, err := audit.Open(t.Context(), audit.Config{Dir: dir}); err == nil {
			t.Errorf("%s was opened", what)
			l.Close()
		}
	}
}

func TestAFileThatIsTamperedWithWhileOpenPoisonsTheLog(t *testing.T) {
	for what, tamper := range map[string]func(path string) error{
		"removed": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600))
		},
		"cut":      func(path string) error { return os.Truncate(path, 10) },
		"extended": func(path string) error { return os.Truncate(path, 1000) },
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			l := openLog(t, audit.Config{Dir: dir})
			appendAll(t, l, "a", "b")
			if err := tamper(segments(t, dir)[0]); err != nil {
				t.Fatal(err)
			}
			if err := l.Append(t.Context(), record("c")); err == nil || l.Err() == nil {
				t.Error("a record was acknowledged")
			}
			if err := l.Append(t.Context(), record("d")); err == nil {
				t.Error("a record was acknowledged after that")
			}
		})
	}
}

// captureLog is a logger and what it was told.
func captureLog() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}
