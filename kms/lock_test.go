package kms

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func (l *nameLocks) empty(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.held) != 0 {
		t.Errorf("%d locks are left", len(l.held))
	}
}

func mustLock(t *testing.T, l *nameLocks, names ...string) func() {
	t.Helper()
	unlock, err := l.lock(t.Context(), names...)
	if err != nil {
		t.Fatal(err)
	}
	return unlock
}

// The names are taken in one order by all, so that whoever wants two never waits for somebody who waits for him.
func TestLocksOfSeveralNamesExcludeEachOtherAndNeverDeadlock(t *testing.T) {
	l := newNameLocks()
	inside := map[string]int{} // guarded by the locks under test
	for _, name := range []string{"a", "b", "c"} {
		inside[name] = 0
	}
	counts := [3]int{}
	at := map[string]*int{"a": &counts[0], "b": &counts[1], "c": &counts[2]}
	var wg sync.WaitGroup
	for _, names := range [][]string{{"a", "b"}, {"b", "a"}, {"c", "a", "b"}, {"b", "c"}, {"c", "b"}, {"a", "a"}, {"c"}, {}} {
		for range 4 {
			wg.Go(func() {
				for range 200 {
					unlock := mustLock(t, l, append([]string(nil), names...)...)
					for i, name := range names {
						if i == 0 || name != names[0] { // the race detector sees it if two are inside
							*at[name]++
						}
					}
					unlock()
				}
			})
		}
	}
	wg.Wait()
	if counts != [3]int{4 * 4 * 200, 5 * 4 * 200, 4 * 4 * 200} {
		t.Errorf("counted %v", counts)
	}
	l.empty(t)
}

func TestWhoWaitsForALockMayGiveUpAndLeavesNothingLocked(t *testing.T) {
	l := newNameLocks()
	unlock := mustLock(t, l, "b")
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := l.lock(ctx, "a", "b") // has a when it comes to b
		gaveUp <- err
	}()
	for _, busy := l.heldNow("a"); !busy; _, busy = l.heldNow("a") {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	mustLock(t, l, "a")() // free again
	unlock()
	l.empty(t)
}

func (l *nameLocks) heldNow(name string) (chan struct{}, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, busy := l.held[name]
	return c, busy
}

func TestALockPassesToWhoWaits(t *testing.T) {
	l := newNameLocks()
	unlock := mustLock(t, l, "a")
	got := make(chan func(), 2)
	for range 2 {
		go func() { got <- mustLock(t, l, "a") }()
	}
	select {
	case <-got:
		t.Fatal("two hold the same lock")
	case <-time.After(10 * time.Millisecond):
	}
	unlock()
	(<-got)()
	(<-got)()
	l.empty(t)
}

func TestLocksOfNoNameAreFree(t *testing.T) {
	l := newNameLocks()
	mustLock(t, l)()
	l.empty(t)
}
