package kms

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// version is a snapshot of a number that a test counts up.
type version struct {
	freshness
	n int64
}

// truth is what a cache of versions is loaded from, and how far its changes are known to everybody.
type truth struct {
	stored    []atomic.Int64
	published []atomic.Int64
	cache     *cache[int, *version]
}

func newTruth(ids, limit int) *truth {
	return &truth{stored: make([]atomic.Int64, ids), published: make([]atomic.Int64, ids), cache: newCache[int, *version](limit)}
}

func (u *truth) get(t *testing.T, id int, pause func()) *version {
	v, err := u.cache.get(t.Context(), id, func() (*version, error) {
		n := u.stored[id].Load()
		pause()
		return &version{n: n}, nil
	})
	if err != nil {
		t.Error(err)
	}
	return v
}

// change counts one number up, or all of them; whoever asks after its return must know.
func (u *truth) change(ids ...int) {
	after := make([]int64, len(ids))
	for i, id := range ids {
		after[i] = u.stored[id].Add(1)
	}
	if len(ids) == 1 {
		u.cache.drop(ids[0])
	} else {
		u.cache.clear()
	}
	for i, id := range ids {
		for {
			known := u.published[id].Load()
			if known >= after[i] || u.published[id].CompareAndSwap(known, after[i]) {
				break
			}
		}
	}
}

// kept tells whether the cache would find a snapshot to expire it.
func (u *truth) kept(id int, v *version) bool {
	now, ok := u.cache.peek(id)
	return ok && now == v
}

// Many get, few change, and there is never room for all.
func TestWhatIsGottenAfterAChangeIsOfAfterItAndWhatIsHeldFromBeforeIsStale(t *testing.T) {
	const ids, limit, getters, changers, rounds = 24, 7, 12, 3, 3000
	u := newTruth(ids, limit)
	var wg sync.WaitGroup
	for range changers {
		wg.Go(func() {
			for round := range rounds {
				if round%50 == 0 {
					all := make([]int, ids)
					for id := range all {
						all[id] = id
					}
					u.change(all...)
				}
				u.change(rand.IntN(ids))
			}
		})
	}
	for range getters {
		wg.Go(func() {
			held := map[int]*version{}
			for range rounds {
				id := rand.IntN(ids)
				known := u.published[id].Load()
				v := u.get(t, id, func() {})
				if v.n < known {
					t.Errorf("version %d is gotten after version %d was published", v.n, known)
				}
				held[id] = v
				for id, v := range held {
					if known := u.published[id].Load(); v.n < known && !v.stale() {
						t.Errorf("version %d is held as the newest, and %d is published", v.n, known)
					}
					if !u.kept(id, v) && !v.stale() {
						t.Error("a snapshot is gone from the cache, and who holds it does not find out")
					}
				}
			}
		})
	}
	wg.Wait()
	if n := len(u.cache.entries); n > limit {
		t.Errorf("%d snapshots are kept, and there is room for %d", n, limit)
	}
}

func TestALoadThatAChangeOvertakesIsRepeated(t *testing.T) {
	for name, change := range map[string]func(u *truth){
		"of this one": func(u *truth) { u.change(0) },
		"of all":      func(u *truth) { u.change(0, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			u := newTruth(2, 10)
			loads := 0
			v := u.get(t, 0, func() {
				if loads++; loads == 1 {
					change(u)
				}
			})
			if v.n != 1 || v.stale() || loads != 2 || !u.kept(0, v) {
				t.Errorf("got version %d after %d loads; stale: %v", v.n, loads, v.stale())
			}
		})
	}
}

func TestWhoLoadsTheSameAtOnceHoldsTheSameSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newTruth(1, 10)
		release := make(chan struct{})
		got := make(chan *version, 2)
		for range 2 {
			go func() { got <- u.get(t, 0, func() { <-release }) }()
		}
		synctest.Wait()
		close(release)
		if a, b := <-got, <-got; a != b {
			t.Error("one of them would not find out about a change")
		}
	})
}

func TestWhatMakesRoomIsStale(t *testing.T) {
	u := newTruth(2, 1)
	first := u.get(t, 0, func() {})
	second := u.get(t, 1, func() {})
	if !first.stale() || second.stale() || u.kept(0, first) {
		t.Errorf("stale: %v and %v", first.stale(), second.stale())
	}
}

func TestWhatCannotBeLoadedIsNotRemembered(t *testing.T) {
	c := newCache[int, *version](10)
	fault := errors.New("a fault")
	if _, err := c.get(t.Context(), 0, func() (*version, error) { return &version{}, fault }); !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
	if v, err := c.get(t.Context(), 0, func() (*version, error) { return &version{n: 1}, nil }); err != nil || v.n != 1 {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestALoadThatIsAlwaysOvertakenEndsWithItsContext(t *testing.T) {
	c := newCache[int, *version](10)
	ctx, cancel := context.WithCancel(t.Context())
	loads := 0
	_, err := c.get(ctx, 0, func() (*version, error) {
		if loads++; loads == 5 {
			cancel()
		}
		c.drop(0)
		return &version{}, nil
	})
	if !errors.Is(err, context.Canceled) || loads != 5 {
		t.Errorf("got %v after %d loads", err, loads)
	}
}

// What does not exist is remembered too: who comes after it was made must not be told that it is not there.
func TestWhatIsMadeWhileItIsFoundAbsentIsThere(t *testing.T) {
	for range 200 {
		absent, keys := newCache[KeyID, *absence](4), newCache[KeyID, *Key](4)
		var made, published atomic.Bool
		look := func() error {
			_, err := abroad(t.Context(), nil, absent, "a", 0, func() (*Key, error) {
				return keys.get(t.Context(), "a", func() (*Key, error) {
					if !made.Load() {
						return nil, ErrNotFound
					}
					return &Key{}, nil
				})
			})
			return err
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					known := published.Load()
					if err := look(); known && err != nil {
						t.Errorf("what was made is not there: %v", err)
					}
				}
			})
		}
		made.Store(true)
		keys.drop("a")
		absent.drop("a")
		published.Store(true)
		if err := look(); err != nil {
			t.Errorf("what was made is not there: %v", err)
		}
		wg.Wait()
	}
}

// namesOf are the snapshots of three keys' names, of which the first has the alias.
func namesOf(t *testing.T, s *snapshots) map[KeyID]*keyNames {
	t.Helper()
	held := map[KeyID]*keyNames{}
	for _, id := range []KeyID{"a", "b", "c"} {
		var err error
		if held[id], err = s.names.get(t.Context(), id, func() (*keyNames, error) { return &keyNames{}, nil }); err != nil {
			t.Fatal(err)
		}
	}
	return held
}

func TestAnAliasThatChangesMakesTheNamesOfItsKeysStaleAndOfNoOther(t *testing.T) {
	row := AliasRow{Account: "111122223333", Name: "alias/app", Rev: 4, KeyID: "a"}
	moved, made := row, row
	moved.Rev, moved.KeyID = 5, "b"
	made.Rev = 1
	for name, c := range map[string]struct {
		change  Change
		evicted bool
		stale   map[KeyID]bool
	}{
		"it is made":                         {Change{Aliases: []AliasRow{made}}, true, map[KeyID]bool{"a": true}},
		"it is deleted":                      {Change{DropAliases: []AliasRow{row}}, false, map[KeyID]bool{"a": true}},
		"it is moved":                        {Change{Aliases: []AliasRow{moved}}, false, map[KeyID]bool{"a": true, "b": true}},
		"it is moved and nobody knows where": {Change{Aliases: []AliasRow{moved}}, true, map[KeyID]bool{"a": true, "b": true, "c": true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSnapshots()
			held := namesOf(t, s)
			id := aliasID{row.Account, row.Name}
			if !c.evicted {
				if _, err := s.aliases.get(t.Context(), id, func() (*Alias, error) { return &Alias{row: row}, nil }); err != nil {
					t.Fatal(err)
				}
			}
			s.invalidate(c.change)
			for id, names := range held {
				if names.stale() != c.stale[id] {
					t.Errorf("the names of key %s are stale: %v", id, names.stale())
				}
			}
		})
	}
}

// Somebody who read the alias between the change and its publication has put the new row into the cache.
func TestWhereAnAliasWasIsNotToldByItsNewRow(t *testing.T) {
	s := newSnapshots()
	held := namesOf(t, s)
	moved := AliasRow{Account: "111122223333", Name: "alias/app", Rev: 5, KeyID: "b"}
	if _, err := s.aliases.get(t.Context(), aliasID{moved.Account, moved.Name}, func() (*Alias, error) { return &Alias{row: moved}, nil }); err != nil {
		t.Fatal(err)
	}
	s.invalidate(Change{Aliases: []AliasRow{moved}})
	if !held["a"].stale() {
		t.Error("the key that the alias was taken from keeps its name")
	}
}

// gateStore holds changes until they are let through.
type gateStore struct {
	Store
	arrived chan Change
	let     chan error
}

func (s *gateStore) Apply(_ context.Context, c Change) error {
	s.arrived <- c
	return <-s.let
}

// Nothing but the lists of grants and aliases tells here: neither has a row that a change could expect.
func TestAChangeIsNotMadeOnWhatWasReplacedWhileItWaitedItsTurn(t *testing.T) {
	revocations := map[string]struct {
		change Change
		rests  func(s *snapshots) (snapshotOf, error)
	}{
		"a grant is revoked": {
			Change{DropGrants: []GrantRow{{KeyID: "a", Grantee: "AIDA", ID: "1"}}},
			func(s *snapshots) (snapshotOf, error) {
				return s.grants.get(t.Context(), granteeID{"a", "AIDA"}, func() (*grantList, error) { return &grantList{}, nil })
			},
		},
		"an alias is deleted": {
			Change{DropAliases: []AliasRow{{Account: "1", Name: "alias/app", KeyID: "a", Rev: 1}}},
			func(s *snapshots) (snapshotOf, error) {
				return s.names.get(t.Context(), "a", func() (*keyNames, error) { return &keyNames{}, nil })
			},
		},
	}
	for name, r := range revocations {
		for outcome, answer := range map[string]error{"": nil, " and nobody knows whether": errors.New("the disk failed")} {
			t.Run(name+outcome, func(t *testing.T) {
				store := &gateStore{arrived: make(chan Change, 2), let: make(chan error, 2)}
				s := &Service{store: store, snapshots: newSnapshots()}
				c := &Call{service: s}
				held, err := r.rests(s.snapshots)
				if err != nil {
					t.Fatal(err)
				}
				c.rely(held, Expectation{})
				revoked, changed := make(chan error, 1), make(chan error, 1)
				go func() { revoked <- s.publish(t.Context(), r.change, nil) }()
				<-store.arrived
				go func() { changed <- s.publish(t.Context(), Change{Keys: []KeyRow{{ID: "b"}}}, c.guard) }()
				time.Sleep(time.Millisecond) // so that it waits, most of the time; it is refused whenever it comes
				store.let <- answer
				if err := <-revoked; !errors.Is(err, answer) {
					t.Errorf("the revocation answers %v", err)
				}
				store.let <- nil
				if err := <-changed; !errors.Is(err, errStale) || len(store.arrived) != 0 {
					t.Errorf("a change on the old state answers %v, and %d are made", err, len(store.arrived))
				}
			})
		}
	}
}

type snapshotOf interface{ stale() bool }

func TestAStoreThatPanicsLeavesNoSnapshotOfBeforeAndNoLock(t *testing.T) {
	s := &Service{snapshots: newSnapshots()} // without a store
	held := namesOf(t, s.snapshots)
	for range 2 {
		func() {
			defer func() { _ = recover() }()
			_ = s.publish(t.Context(), Change{DropAliases: []AliasRow{{KeyID: "a"}}}, nil)
		}()
	}
	if !held["a"].stale() {
		t.Error("the old state may hold for ever")
	}
}

// Behind a slow disk changes queue, and callers go away: what they asked for is not done when nobody waits for it.
func TestAChangeWhoseCallerLeftWhileItWaitedItsTurnIsNotMade(t *testing.T) {
	store := &gateStore{arrived: make(chan Change, 2), let: make(chan error)}
	s := &Service{store: store, snapshots: newSnapshots()}
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- s.publish(t.Context(), Change{}, nil) }()
	<-store.arrived
	ctx, leave := context.WithCancel(t.Context())
	looked := make(chan struct{}, 1)
	guard := func() error { looked <- struct{}{}; return nil }
	go func() { second <- s.publish(ctx, Change{}, guard) }()
	leave()
	store.let <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
	select {
	case err := <-second:
		if !errors.Is(err, context.Canceled) || len(looked) > 0 {
			t.Errorf("it answers %v", err)
		}
	case <-store.arrived:
		store.let <- nil
		t.Error("the change is made")
	}
}
