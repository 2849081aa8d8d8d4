package audit_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/audit"
)

const firstSegment = "audit-00000000000000000000.jsonl"

// written makes a closed log with the given ids and returns its only segment.
func written(t *testing.T, ids ...string) (dir string, content []byte) {
	t.Helper()
	dir = t.TempDir()
	l, err := audit.Open(t.Context(), audit.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, ids...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	content, err = os.ReadFile(filepath.Join(dir, firstSegment))
	if err != nil {
		t.Fatal(err)
	}
	return dir, content
}

func put(t *testing.T, dir string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, firstSegment), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func tornFiles(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.torn"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// reopen opens the log, appends one record and returns the ids that it then has.
func reopen(t *testing.T, dir string) (ids []string, talk string) {
	t.Helper()
	logger, said := captureLog()
	l, err := audit.Open(t.Context(), audit.Config{Dir: dir, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, "new")
	for _, r := range contents(t, l) {
		ids = append(ids, strings.TrimSuffix(strings.TrimPrefix(r, `{"eventID":"`), `"}`))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return ids, said.String()
}

func TestATornTailIsCutAndKeptAtEveryLength(t *testing.T) {
	dir, content := written(t, "a", "b", "last")
	start := bytes.LastIndexByte(content[:len(content)-1], '\n') + 1
	for end := start; end < len(content); end++ {
		put(t, dir, content[:end])
		ids, talk := reopen(t, dir)
		want := []string{"a", "b", "new"}
		torn := tornFiles(t, dir)
		switch end {
		case start: // nothing of the record
			if len(torn) != 0 || talk != "" {
				t.Fatalf("%d bytes: %v, %s", end, torn, talk)
			}
		case len(content) - 1: // all of it but the line feed
			want = []string{"a", "b", "last", "new"}
			if len(torn) != 0 || !strings.Contains(talk, "completed the last record") {
				t.Fatalf("%d bytes: %v, %s", end, torn, talk)
			}
		default:
			if len(torn) != 1 || !strings.Contains(talk, "cut what a crash left") {
				t.Fatalf("%d bytes: %v, %s", end, torn, talk)
			}
			if kept, err := os.ReadFile(torn[0]); err != nil || !bytes.Equal(kept, content[start:end]) {
				t.Fatalf("kept %q, want %q (%v)", kept, content[start:end], err)
			}
			if err := os.Remove(torn[0]); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(ids, want) {
			t.Fatalf("%d bytes: the log has %v, want %v", end, ids, want)
		}
	}
}

func TestTornBytesNeverOverwriteEarlierOnes(t *testing.T) {
	dir, content := written(t, "a")
	for i := range 3 {
		put(t, dir, append(bytes.Clone(content), fmt.Sprintf("torn %d", i)...))
		reopen(t, dir)
	}
	if n := len(tornFiles(t, dir)); n != 3 {
		t.Errorf("%d files were kept", n)
	}
}

func TestWhatACrashOfTheMachineLeavesIsCut(t *testing.T) {
	for name, tail := range map[string]string{
		"zeros":                     strings.Repeat("\x00", 5000),
		"zeros and a line feed":     strings.Repeat("\x00", 5000) + "\n",
		"a bad line":                `{"seq":2,"record":{"eventID":"x"},"crc":"00000000"}` + "\n",
		"bad lines and half of one": "x\ny\n{\"seq\":",
		"an empty line":             "\n",
		"zeros longer than a line":  strings.Repeat("\x00", 2<<20),
	} {
		t.Run(name, func(t *testing.T) {
			dir, content := written(t, "a", "b")
			put(t, dir, append(content, tail...))
			if ids, _ := reopen(t, dir); !slices.Equal(ids, []string{"a", "b", "new"}) {
				t.Errorf("the log has %v", ids)
			}
			if n := len(tornFiles(t, dir)); n != 1 {
				t.Errorf("%d files were kept", n)
			}
		})
	}
}

func TestDamageThatNoCrashExplainsIsRefused(t *testing.T) {
	_, content := written(t, numbered(6)...)
	lines := strings.SplitAfter(string(content), "\n")[:6]
	join := func(l ...string) string { return strings.Join(l, "") }
	flip := func(s string, at int) string { return s[:at] + string(s[at]^1) + s[at+1:] }
	end := len(lines[0]) - 1
	for name, damaged := range map[string]struct{ content, want string }{
		"a flipped byte in the first line":    {join(flip(lines[0], 25), join(lines[1:]...)), "line 1 (byte 0): it fails its check"},
		"a flipped byte in the third line":    {join(lines[0], lines[1], flip(lines[2], 25), join(lines[3:]...)), "line 3 (byte "},
		"a flipped byte in the last but one":  {join(join(lines[:4]...), flip(lines[4], 25), lines[5]), "line 5 (byte "},
		"a flipped digit of a number":         {join(flip(lines[0], 7), join(lines[1:]...)), "line 1 (byte 0): it fails its check"},
		"a flipped digit of a check":          {join(flip(lines[0], end-3), join(lines[1:]...)), "line 1 (byte 0): it fails its check"},
		"a flipped line feed":                 {join(flip(lines[0], end), join(lines[1:]...)), "line 1 (byte 0): it fails its check"},
		"a flipped line feed before the last": {join(join(lines[:4]...), flip(lines[4], end), lines[5]), "line 5 (byte "},
		"a missing line":                      {join(lines[0], join(lines[2:]...)), "line 2 (byte 60): it has sequence number 2 where 1 belongs"},
		"a missing first line":                {join(lines[1:]...), "line 1 (byte 0): it has sequence number 1 where 0 belongs"},
		"a line given twice":                  {join(lines[0], join(lines...)), "line 2 (byte 60): it has sequence number 0 where 1 belongs"},
		"a last line that belongs elsewhere":  {join(lines[0], lines[5]), "line 2 (byte 60): it has sequence number 5 where 1 belongs"},
		"a half line that belongs elsewhere":  {join(lines[0], lines[5][:end]), "line 2 (byte 60): it has sequence number 5 where 1 belongs"},
		"a line put in":                       {join(lines[0], "hello\n", join(lines[1:]...)), "line 2 (byte 60): it fails its check, and records that pass"},
		"more than a batch":                   {lines[0] + strings.Repeat("x", 5<<20), "line 2 (byte 60): it fails its check, and so do more bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, []byte(damaged.content))
			l, err := audit.Open(t.Context(), audit.Config{Dir: dir})
			if err == nil {
				l.Close()
				t.Fatal("the log was opened")
			}
			path := filepath.Join(dir, firstSegment)
			if !strings.Contains(err.Error(), path+", "+damaged.want) || !strings.Contains(err.Error(), "restore the file from a backup") {
				t.Errorf("error is %v, want %q", err, damaged.want)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != damaged.content || len(tornFiles(t, dir)) != 0 {
				t.Errorf("something was changed (%v)", err)
			}
		})
	}
}

func TestDamageInOlderSegmentsIsFoundByReading(t *testing.T) {
	dir := t.TempDir()
	c := audit.Config{Dir: dir, SegmentBytes: 200}
	l, err := audit.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, numbered(20)...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := segments(t, dir)
	damage := func(path string, change func([]byte) []byte) (undo func()) {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(bytes.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	half := func(b []byte) []byte { return b[:len(b)-10] }
	whole := func(b []byte) []byte { return b[:bytes.IndexByte(b, '\n')+1] }
	nothing := func(uint64, []byte) error { return nil }

	for name, is := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"half a record": {half, all[0] + ", line 3 (byte "},
		"two records":   {whole, "ends before record 1, so records are missing"},
	} {
		undo := damage(all[0], is.change)
		l := openLog(t, c)
		if err := l.Read(t.Context(), 0, nothing); err == nil || !strings.Contains(err.Error(), is.want) {
			t.Errorf("%s missing from the oldest segment: %v", name, err)
		}
		if _, err := l.Has(t.Context(), []string{"unknown"}); err == nil {
			t.Errorf("%s missing from the oldest segment: Has does not say so", name)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		undo()
		undo = damage(all[len(all)-2], is.change)
		if l, err := audit.Open(t.Context(), c); err == nil {
			t.Errorf("%s missing from the last segment but one: opened", name)
			l.Close()
		}
		undo()
	}
	if err := os.Remove(all[1]); err != nil {
		t.Fatal(err)
	}
	if err := openLog(t, c).Read(t.Context(), 0, nothing); err == nil || !strings.Contains(err.Error(), "records are missing") {
		t.Errorf("a segment is missing: %v", err)
	}
}

func TestOldSegmentsMayBeMovedAway(t *testing.T) {
	dir := t.TempDir()
	c := audit.Config{Dir: dir, SegmentBytes: 200}
	l, err := audit.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, numbered(20)...)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(segments(t, dir)[0]); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, c)
	var seqs []uint64
	err = l.Read(t.Context(), 0, func(seq uint64, _ []byte) error {
		seqs = append(seqs, seq)
		return nil
	})
	if err != nil || len(seqs) == 0 || seqs[0] != 3 || seqs[len(seqs)-1] != 19 || l.Size() != 20 {
		t.Errorf("read %v, size %d: %v", seqs, l.Size(), err)
	}
}
