package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/store/sqlite"
)

// writeForever raises the revision of key 0 and makes a key with each, telling every revision that was acknowledged.
func writeForever(dir string) error {
	s, err := sqlite.Open(context.Background(), config(dir))
	if err != nil {
		return err
	}
	record, err := s.Key(context.Background(), keyID(0))
	if err != nil {
		return err
	}
	for rev := record.Key.Rev + 1; ; rev++ {
		c := keyChange(0, rev)
		c.Keys = append(c.Keys, keyChange(int(rev), 1).Keys...)
		if err := s.Apply(context.Background(), c); err != nil {
			return err
		}
		fmt.Println(rev)
	}
}

func TestWhatWasAcknowledgedSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	s := create(t, dir)
	if err := s.Apply(t.Context(), keyChange(0, 1)); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	acknowledged := int64(1)
	for range 10 {
		cmd := child(t, "writer", dir)
		out := lines(t, cmd)
		if !out.Scan() {
			t.Fatal("the writer acknowledged nothing")
		}
		time.AfterFunc(time.Duration(rand.IntN(100))*time.Millisecond, func() { cmd.Process.Kill() }) //nolint:errcheck // nothing else ends it
		for ok := true; ok; ok = out.Scan() {
			rev, err := strconv.ParseInt(out.Text(), 10, 64)
			if err != nil {
				t.Fatalf("the writer says %q", out.Text())
			}
			acknowledged = rev
		}
		cmd.Wait() //nolint:errcheck // killed
		acknowledged = check(t, dir, acknowledged)
	}
	t.Logf("%d changes over ten kills", acknowledged)
}

// check finds every change up to the last that was acknowledged, whole, and at most one more.
func check(t *testing.T, dir string, acknowledged int64) int64 {
	t.Helper()
	s := reopen(t, dir)
	record, err := s.Key(t.Context(), keyID(0))
	if err != nil {
		t.Fatal(err)
	}
	rev := record.Key.Rev
	if rev != acknowledged && rev != acknowledged+1 {
		t.Errorf("revision %d was acknowledged, %d is there", acknowledged, rev)
	}
	keys, err := s.Keys(t.Context(), account, "", 1<<20)
	if err != nil || int64(len(keys)) != rev {
		t.Errorf("%d keys are there, want %d, %v", len(keys), rev, err)
	}
	events, err := s.Outbox(t.Context(), 1<<20)
	if err != nil || int64(len(events)) != rev {
		t.Errorf("%d events are there, want %d, %v", len(events), rev, err)
	}
	for i, e := range events {
		if want := fmt.Sprintf("0 at %d", i+1); e.ID != want {
			t.Fatalf("event %d is %q, want %q", i, e.ID, want)
		}
	}
	shut(t, s)
	var finding string
	if err := raw(t, dir).QueryRow("PRAGMA integrity_check").Scan(&finding); err != nil || finding != "ok" {
		t.Errorf("integrity: %s, %v", finding, err)
	}
	return rev
}
