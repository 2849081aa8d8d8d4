package audit_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/audit"
)

const crashDirectory = "KEYHOLD_TEST_CRASH_DIRECTORY"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDirectory); dir != "" {
		fmt.Fprintln(os.Stderr, appendForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// appendForEver is the process that is killed: it prints each id after the log has acknowledged it.
func appendForEver(dir string) error {
	ctx := context.Background()
	l, err := audit.Open(ctx, audit.Config{Dir: dir, SegmentBytes: 16 << 10})
	if err != nil {
		return err
	}
	var once sync.Once
	var wg sync.WaitGroup
	for p := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), p, i)
				if appendErr := l.Append(ctx, record(id)); appendErr != nil {
					once.Do(func() { err = appendErr })
					return
				}
				if _, printErr := fmt.Println(id); printErr != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return err
}

// killedAfter runs the child, kills it that long after its first acknowledgement and returns all of these.
func killedAfter(t *testing.T, dir string, wait time.Duration) []string {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDirectory+"="+dir)
	var complaint strings.Builder
	child.Stderr = &complaint
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // the last line may be half an id
		}
		if ids == nil {
			time.AfterFunc(wait, func() { child.Process.Kill() })
		}
		ids = append(ids, strings.TrimSuffix(line, "\n"))
	}
	if err := child.Wait(); err == nil || complaint.Len() > 0 {
		t.Fatalf("the child was not killed: %v, %s", err, &complaint)
	}
	return ids
}

func TestWhatWasAcknowledgedSurvivesKills(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	var acknowledged []string
	for range 20 {
		ids := killedAfter(t, dir, time.Duration(rand.IntN(20_000))*time.Microsecond)
		acknowledged = append(acknowledged, ids...)
		l, err := audit.Open(t.Context(), audit.Config{Dir: dir, SegmentBytes: 16 << 10})
		if err != nil {
			t.Fatal(err)
		}
		checkAcknowledged(t, l, acknowledged)
		records := contents(t, l)
		slices.Sort(records)
		if len(slices.Compact(records)) != int(l.Size()) {
			t.Error("a record is in the log twice")
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d records were acknowledged before 20 kills; the log has %d segments", len(acknowledged), len(segments(t, dir)))
}
