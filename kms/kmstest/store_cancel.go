package kmstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/keyhold/keyhold/kms"
)

func testStoreCancelled(s shelf) {
	s.prepareForEverything()
	before := s.contents()
	ctx, cancel := context.WithCancel(s.ctx())
	cancel()
	for what, err := range map[string]error{
		"apply":         s.Apply(ctx, storeEverything()),
		"write meta":    s.PutMeta(ctx, kms.MetaRow{Directory: "d"}),
		"put a birth":   s.PutBirth(ctx, storeBirth(7, 7)),
		"close a birth": s.CloseBirth(ctx, storeObject(1, 3)),
		"drain":         s.Drained(ctx, s.eventIDs(100)),
	} {
		s.mustBe(what, err, context.Canceled)
	}
	for what, err := range s.reads(ctx) {
		s.mustBe(what, err, context.Canceled)
	}
	s.equal("contents", s.contents(), before)
}

// testStoreCancelledHalfWay cancels at random moments before, in and after the transaction. Other changes are under way
// so that waiting for one's turn is cancelled too.
func testStoreCancelledHalfWay(s shelf) {
	const others = 6
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1)}})
	rev, answered := int64(1), map[bool]int{}
	for i := range 200 {
		var done sync.WaitGroup
		for j := range others {
			done.Go(func() {
				if err := s.Apply(s.ctx(), kms.Change{Keys: []kms.KeyRow{storeKey(100+others*i+j, 1)}}); err != nil {
					s.t.Errorf("apply another change: %v", err)
				}
			})
		}
		ctx, cancel := context.WithTimeout(s.ctx(), time.Duration(rand.IntN(1500))*time.Microsecond)
		err := s.Apply(ctx, kms.Change{Keys: []kms.KeyRow{storeKey(1, rev+1)}})
		cancel()
		done.Wait()
		if err == nil {
			rev++
		} else {
			s.mustBe("apply a change", err, context.DeadlineExceeded)
		}
		answered[err == nil]++
		record, err := s.Key(s.ctx(), storeKeyID(1))
		s.must("read the key", err)
		s.equal(fmt.Sprint("revision after change ", i), record.Key.Rev, rev)
	}
	s.t.Logf("%d changes made, %d cancelled", answered[true], answered[false])
}
