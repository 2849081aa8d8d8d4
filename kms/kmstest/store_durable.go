package kmstest

import (
	"errors"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// again closes a store and opens it anew.
func (s shelf) again(reopen func() kms.Store) shelf {
	s.t.Helper()
	s.must("close", s.Close())
	return shelf{s.t, reopen()}
}

func testDurableRows(s shelf, reopen func() kms.Store) {
	s.must("write meta", s.PutMeta(s.ctx(), kms.MetaRow{Directory: "d", Account: storeAccount, RowKey: storeObject(8, 8), Ready: true}))
	s.prepareForEverything()
	s.must("put a birth", s.PutBirth(s.ctx(), storeBirth(4, 1)))
	s.must("put a birth", s.PutBirth(s.ctx(), storeBirth(5, 1)))
	s.apply(storeEverything())
	s.must("close a birth", s.CloseBirth(s.ctx(), storeObject(4, 1)))
	s.must("drain", s.Drained(s.ctx(), []string{"made 1"}))
	before := s.contents()
	for range 3 {
		s = s.again(reopen)
		s.equal("contents after reopening", s.contents(), before)
	}
}

func testDurableRefusal(s shelf, reopen func() kms.Store) {
	s.prepareForEverything()
	before := s.contents()
	c := storeEverything()
	c.Births = append(c.Births, storeObject(9, 9)) // the last member but one, when most has been done
	s.mustBe("apply", s.Apply(s.ctx(), c), kms.ErrConflict)
	s = s.again(reopen)
	s.equal("contents after reopening", s.contents(), before)
}

func testDurableGoesOn(s shelf, reopen func() kms.Store) {
	s.prepareForEverything()
	s = s.again(reopen)
	stale := kms.Change{Keys: []kms.KeyRow{storeKey(1, 1)}}
	s.mustBe("insert a key that is there", s.Apply(s.ctx(), stale), kms.ErrConflict)
	if s.PutBirth(s.ctx(), storeBirth(1, 3)) == nil {
		s.t.Fatal("an object was born twice")
	}
	s.apply(storeEverything())
	s = s.again(reopen)
	s.wantEverything()
	s.mustBe("apply again", s.Apply(s.ctx(), storeEverything()), kms.ErrConflict)
}

func testDurableClosed(s shelf, reopen func() kms.Store) {
	s.prepareForEverything()
	before := s.contents()
	s.must("close", s.Close())
	for what, err := range map[string]error{
		"apply":         s.Apply(s.ctx(), storeEverything()),
		"put a birth":   s.PutBirth(s.ctx(), storeBirth(7, 7)),
		"close a birth": s.CloseBirth(s.ctx(), device.ObjectID{}),
	} {
		if err == nil {
			s.t.Errorf("%s: a closed store answered without error", what)
		}
	}
	for what, err := range s.reads(s.ctx()) {
		if err == nil || errors.Is(err, kms.ErrNotFound) {
			s.t.Errorf("%s: a closed store answered %v", what, err)
		}
	}
	s = shelf{s.t, reopen()}
	s.equal("contents after reopening", s.contents(), before)
}
