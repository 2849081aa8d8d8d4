package kmstest

import (
	"fmt"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

func (s shelf) birthObjects() (ids []device.ObjectID) {
	s.t.Helper()
	births, err := s.Births(s.ctx())
	s.must("list births", err)
	for _, b := range births {
		ids = append(ids, b.Object)
	}
	return ids
}

func testStoreBirths(s shelf) {
	for _, n := range []int{3, 1, 2} { // storeBirth starts them at n
		s.must("put a birth", s.PutBirth(s.ctx(), storeBirth(n, 1)))
	}
	births, err := s.Births(s.ctx())
	s.must("list births", err)
	s.equal("births, oldest first", births, []kms.BirthRow{storeBirth(1, 1), storeBirth(2, 1), storeBirth(3, 1)})

	again := storeBirth(1, 1)
	again.Token = "another token"
	if s.PutBirth(s.ctx(), again) == nil {
		s.t.Fatal("an object was born twice")
	}
	s.must("close a birth", s.CloseBirth(s.ctx(), storeObject(2, 1)))
	s.must("close it again", s.CloseBirth(s.ctx(), storeObject(2, 1)))
	fulfil := kms.Change{Births: []device.ObjectID{storeObject(3, 1)}}
	s.apply(fulfil)
	s.mustBe("fulfil it again", s.Apply(s.ctx(), fulfil), kms.ErrConflict)
	births, err = s.Births(s.ctx())
	s.must("list births", err)
	s.equal("births", births, []kms.BirthRow{storeBirth(1, 1)})
}

func (s shelf) eventIDs(limit int) (ids []string) {
	s.t.Helper()
	events, err := s.Outbox(s.ctx(), limit)
	s.must("list the outbox", err)
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	return ids
}

// testStoreOutbox drains everything once, because numbering by what is left must not reorder what comes after.
func testStoreOutbox(s shelf) {
	post := func(ids ...string) {
		var c kms.Change
		for _, id := range ids {
			c.Events = append(c.Events, storeEvent(id))
		}
		s.apply(c)
	}
	post("z", "y")
	post("x")
	post("a", "m")
	s.equal("all", s.eventIDs(100), []string{"z", "y", "x", "a", "m"})
	s.equal("first three", s.eventIDs(3), []string{"z", "y", "x"})
	events, err := s.Outbox(s.ctx(), 1)
	s.must("list the outbox", err)
	s.equal("event", events, []kms.EventRow{storeEvent("z")})

	s.must("drain nothing", s.Drained(s.ctx(), nil))
	s.must("drain", s.Drained(s.ctx(), []string{"y", "m", "never there", "y"}))
	post("b")
	s.equal("after draining some", s.eventIDs(100), []string{"z", "x", "a", "b"})
	s.must("drain all", s.Drained(s.ctx(), s.eventIDs(100)))
	s.equal("after draining all", s.eventIDs(100), []string(nil))
	post("z")
	post("c")
	s.equal("afterwards", s.eventIDs(100), []string{"z", "c"})
}

func testStoreRaceBirths(s shelf) {
	const object = 1
	won := s.race("put the birth of one object", func(i int) error {
		b := storeBirth(1, object)
		b.Token = fmt.Sprint("token ", i)
		return s.PutBirth(s.ctx(), b)
	}, nil)
	s.equal("births that won", won, 1)
	s.equal("births", s.birthObjects(), []device.ObjectID{storeObject(1, object)})
	won = s.race("fulfil it", func(i int) error {
		return s.Apply(s.ctx(), kms.Change{
			Births: []device.ObjectID{storeObject(1, object)}, Events: []kms.EventRow{storeEvent(fmt.Sprint(i))},
		})
	}, kms.ErrConflict)
	s.equal("changes that fulfilled it", won, 1)
	s.equal("their events", len(s.eventIDs(100)), 1)
}
