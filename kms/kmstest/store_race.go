package kmstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/keyhold/keyhold/kms"
)

const storeRacers = 16

// race runs do in sixteen goroutines at once and counts the successes. The others must fail with lost; nil: with any
// error.
func (s shelf) race(what string, do func(i int) error, lost error) int {
	s.t.Helper()
	var won atomic.Int64
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range storeRacers {
		done.Go(func() {
			start.Wait()
			switch err := do(i); {
			case err == nil:
				won.Add(1)
			case lost != nil && !errors.Is(err, lost):
				s.t.Errorf("%s: got %v, want %v", what, err, lost)
			}
		})
	}
	start.Done()
	done.Wait()
	return int(won.Load())
}

// testStoreRaceRevisions also checks that the outbox has the order of the transactions, which the revisions tell.
func testStoreRaceRevisions(s shelf) {
	const revisions = 12
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1)}})
	var want []string
	for rev := int64(2); rev <= revisions; rev++ {
		won := s.race("change the key", func(i int) error {
			key := storeKey(1, rev)
			key.Description = fmt.Sprint("by ", i)
			return s.Apply(s.ctx(), kms.Change{
				Keys: []kms.KeyRow{key}, Events: []kms.EventRow{storeEvent(fmt.Sprint(rev, key.Description))},
			})
		}, kms.ErrConflict)
		s.equal(fmt.Sprint("winners of revision ", rev), won, 1)
		record, err := s.Key(s.ctx(), storeKeyID(1))
		s.must("read the key", err)
		s.equal("revision", record.Key.Rev, rev)
		want = append(want, fmt.Sprint(rev, record.Key.Description))
	}
	s.equal("events of the winners", s.eventIDs(storeAll), want)
}

func testStoreRaceInsert(s shelf) {
	won := s.race("make a key", func(i int) error {
		c := storeFamily(1)
		c.Keys[0].Description, c.Policies[0].Document = fmt.Sprint(i), fmt.Sprint(i)
		c.Events[0].ID = fmt.Sprint(i)
		return s.Apply(s.ctx(), c)
	}, kms.ErrConflict)
	s.equal("winners", won, 1)
	record, err := s.Key(s.ctx(), storeKeyID(1))
	s.must("read the key", err)
	s.equal("policy", record.Policy.Document, record.Key.Description)
	s.equal("events", s.eventIDs(100), []string{record.Key.Description})
}

func testStoreRaceKeys(s shelf) {
	const limit = 5
	won := s.race("make a key of its own", func(i int) error {
		return s.Apply(s.ctx(), kms.Change{MaxKeys: limit, Keys: []kms.KeyRow{storeKey(i, 1)}})
	}, kms.ErrKeyLimit)
	s.equal("winners", won, limit)
	n, err := s.KeyCount(s.ctx(), storeAccount)
	s.must("count keys", err)
	s.equal("keys", n, limit)
}

func testStoreRaceAliases(s shelf) {
	const limit = 5
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1)}})
	won := s.race("give the key an alias", func(i int) error {
		return s.Apply(s.ctx(), kms.Change{
			MaxAliases: limit, Aliases: []kms.AliasRow{storeAliasOf(1, storeAlias(i), 1)},
		})
	}, kms.ErrAliasLimit)
	s.equal("winners", won, limit)
	s.equal("aliases", len(s.aliasNames(storeAccount, storeKeyID(1), "", 100)), limit)
}

// testStoreConsistentReads changes every row of a key at once, so that a record with two revisions in it was read
// across a change.
func testStoreConsistentReads(s shelf) {
	const revisions, readers = 200, 4
	s.apply(storeFamily(1))
	ctx, stop := context.WithCancel(s.ctx())
	var done sync.WaitGroup
	defer done.Wait()
	defer stop()
	for range readers {
		done.Go(func() {
			for ctx.Err() == nil {
				record, err := s.Key(s.ctx(), storeKeyID(1))
				if err != nil {
					s.t.Errorf("read a key: %v", err)
					return
				}
				if revs := recordRevisions(record); len(revs) != 1 {
					s.t.Errorf("a record mixes revisions: %v", revs)
					return
				}
			}
		})
	}
	for rev := int64(2); rev <= revisions; rev++ {
		s.apply(kms.Change{
			Keys:        []kms.KeyRow{storeKey(1, rev)},
			Generations: []kms.GenerationRow{storeGeneration(1, 1, rev), storeGeneration(1, 2, rev)},
			Uses:        []kms.UsesRow{storeUses(1, 1, rev), storeUses(1, 2, rev)},
			Policies:    []kms.PolicyRow{storePolicy(1, rev)},
			Tags:        []kms.TagRow{storeTag(1, "z", 1, rev), storeTag(1, "a", 2, rev)},
		})
	}
}

func recordRevisions(r kms.KeyRecord) map[int64]bool {
	revs := map[int64]bool{r.Key.Rev: true, r.Policy.Rev: true}
	for _, row := range r.Generations {
		revs[row.Rev] = true
	}
	for _, row := range r.Uses {
		revs[row.Rev] = true
	}
	for _, row := range r.Tags {
		revs[row.Rev] = true
	}
	return revs
}
