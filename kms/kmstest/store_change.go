package kmstest

import (
	"fmt"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// storeEverything touches every member of Change, each with a row that is replaced or removed and one that is new. It
// fits a store with the families 1 and 2 and the birth of object 1, 3.
func storeEverything() kms.Change {
	return kms.Change{
		Expect: []kms.Expectation{
			{Key: storeKeyID(2), Rev: 1},
			{Account: storeAccount, Alias: storeAlias(2), Rev: 1},
			{Key: storeKeyID(9)},
			{Account: storeAccount, Alias: storeAlias(9)},
			{Account: storeOtherAccount, Alias: storeAlias(2)},
		},
		Keys:        []kms.KeyRow{storeKey(1, 2), storeKey(3, 1)},
		Generations: []kms.GenerationRow{storeGeneration(1, 1, 2), storeGeneration(1, 3, 1)},
		Uses:        []kms.UsesRow{storeUses(1, 1, 2), storeUses(1, 3, 1)},
		Policies:    []kms.PolicyRow{storePolicy(1, 2), storePolicy(3, 1)},
		Tags:        []kms.TagRow{storeTag(1, "z", 1, 2), storeTag(1, "new", 3, 1)},
		DropTags:    []kms.TagRow{storeTag(1, "a", 2, 1)},
		MaxAliases:  2,
		Aliases:     []kms.AliasRow{storeAliasOf(1, storeAlias(1), 2), storeAliasOf(3, "alias/new", 1)},
		DropAliases: []kms.AliasRow{storeAliasOf(1, storeAlias(1)+"b", 1)},
		Births:      []device.ObjectID{storeObject(1, 3)},
		Events:      []kms.EventRow{storeEvent("everything"), storeEvent("and more")},
	}
}

func (s shelf) prepareForEverything() {
	s.t.Helper()
	s.apply(storeFamily(1))
	s.apply(storeFamily(2))
	s.must("put a birth", s.PutBirth(s.ctx(), storeBirth(1, 3)))
}

// storeRevisions are the places of storeEverything that hold a revision: of a row that is there, at 1, or of one that
// is not. Removal takes the revision that the row has, replacement the next one.
var storeRevisions = []struct {
	member string
	rev    func(c *kms.Change) *int64
	wrong  []int64
}{
	{"an expected key", func(c *kms.Change) *int64 { return &c.Expect[0].Rev }, []int64{0, 2}},
	{"an expected alias", func(c *kms.Change) *int64 { return &c.Expect[1].Rev }, []int64{0, 2}},
	{"a key expected not to be", func(c *kms.Change) *int64 { return &c.Expect[2].Rev }, []int64{1}},
	{"an alias expected not to be", func(c *kms.Change) *int64 { return &c.Expect[3].Rev }, []int64{1}},
	{"an alias expected not to be in another account", func(c *kms.Change) *int64 { return &c.Expect[4].Rev }, []int64{1}},
	{"a key", func(c *kms.Change) *int64 { return &c.Keys[0].Rev }, []int64{0, 1, 3}},
	{"a new key", func(c *kms.Change) *int64 { return &c.Keys[1].Rev }, []int64{0, 2}},
	{"a generation", func(c *kms.Change) *int64 { return &c.Generations[0].Rev }, []int64{0, 1, 3}},
	{"a new generation", func(c *kms.Change) *int64 { return &c.Generations[1].Rev }, []int64{0, 2}},
	{"uses", func(c *kms.Change) *int64 { return &c.Uses[0].Rev }, []int64{0, 1, 3}},
	{"new uses", func(c *kms.Change) *int64 { return &c.Uses[1].Rev }, []int64{0, 2}},
	{"a policy", func(c *kms.Change) *int64 { return &c.Policies[0].Rev }, []int64{0, 1, 3}},
	{"a new policy", func(c *kms.Change) *int64 { return &c.Policies[1].Rev }, []int64{0, 2}},
	{"a tag", func(c *kms.Change) *int64 { return &c.Tags[0].Rev }, []int64{0, 1, 3}},
	{"a new tag", func(c *kms.Change) *int64 { return &c.Tags[1].Rev }, []int64{0, 2}},
	{"a dropped tag", func(c *kms.Change) *int64 { return &c.DropTags[0].Rev }, []int64{0, 2}},
	{"an alias", func(c *kms.Change) *int64 { return &c.Aliases[0].Rev }, []int64{0, 1, 3}},
	{"a new alias", func(c *kms.Change) *int64 { return &c.Aliases[1].Rev }, []int64{0, 2}},
	{"a dropped alias", func(c *kms.Change) *int64 { return &c.DropAliases[0].Rev }, []int64{0, 2}},
}

// storeSpoilers break storeEverything elsewhere. A nil want is any error.
var storeSpoilers = []struct {
	name  string
	spoil func(c *kms.Change)
	want  error
}{
	{"a dropped tag that is not there", func(c *kms.Change) { c.DropTags[0].Key = "none" }, kms.ErrConflict},
	{"a dropped alias that is not there", func(c *kms.Change) { c.DropAliases[0].Name = "alias/none" }, kms.ErrConflict},
	{"a dropped alias of another account", func(c *kms.Change) { c.DropAliases[0].Account = storeOtherAccount }, kms.ErrConflict},
	{"a key with too many aliases", func(c *kms.Change) { c.Aliases[1].KeyID = storeKeyID(2) }, kms.ErrAliasLimit},
	{"a birth that is not open", func(c *kms.Change) { c.Births[0] = storeObject(9, 9) }, kms.ErrConflict},
	{"a birth fulfilled twice", func(c *kms.Change) { c.Births = append(c.Births, c.Births[0]) }, kms.ErrConflict},
	{"an event twice", func(c *kms.Change) { c.Events[1] = c.Events[0] }, nil},
	{"an event that is in the outbox", func(c *kms.Change) { c.Events[1] = storeEvent("made 1") }, nil},
}

func testStoreAllOrNothing(s shelf) {
	s.prepareForEverything()
	for _, r := range storeRevisions {
		for _, rev := range r.wrong {
			s.refuses(fmt.Sprintf("%s at %d", r.member, rev), func(c *kms.Change) { *r.rev(c) = rev }, kms.ErrConflict)
		}
	}
	for _, p := range storeSpoilers {
		s.refuses(p.name, p.spoil, p.want)
	}
	s.apply(storeEverything())
	s.wantEverything()
}

func (s shelf) refuses(name string, spoil func(c *kms.Change), want error) {
	s.t.Run(name, func(t *testing.T) {
		s := shelf{t, s.Store}
		before := s.contents()
		c := storeEverything()
		spoil(&c)
		err := s.Apply(s.ctx(), c)
		if want != nil || err == nil {
			s.mustBe("apply", err, want)
		}
		if err == nil {
			t.Error("the change was made")
		}
		s.equal("contents after the refusal", s.contents(), before)
	})
}

func (s shelf) wantEverything() {
	s.t.Helper()
	c, first, second := storeEverything(), storeFamily(1), storeFamily(2)
	want := contents{
		Records: []kms.KeyRecord{{
			Key:         c.Keys[0],
			Generations: []kms.GenerationRow{c.Generations[0], first.Generations[1], c.Generations[1]},
			Uses:        []kms.UsesRow{c.Uses[0], first.Uses[1], c.Uses[1]},
			Policy:      c.Policies[0],
			Tags:        c.Tags,
		}, storeRecord(second), {Key: c.Keys[1], Policy: c.Policies[1]}},
		Aliases: []kms.AliasRow{c.Aliases[0], second.Aliases[0], second.Aliases[1], c.Aliases[1]},
		Outbox:  []kms.EventRow{first.Events[0], second.Events[0], c.Events[0], c.Events[1]},
	}
	want.Generations = append(append(want.Generations, want.Records[0].Generations...), second.Generations...)
	s.equal("contents", s.contents(), want)
}

func testStoreEmptyChange(s shelf) {
	s.prepareForEverything()
	before := s.contents()
	s.apply(kms.Change{})
	s.apply(kms.Change{Expect: storeEverything().Expect})
	s.equal("contents", s.contents(), before)
}

func testStoreRevisions(s shelf) {
	for rev := int64(1); rev <= 5; rev++ {
		c := kms.Change{Keys: []kms.KeyRow{storeKey(1, rev)}}
		s.apply(c)
		s.mustBe("apply again", s.Apply(s.ctx(), c), kms.ErrConflict)
		got, err := s.Key(s.ctx(), storeKeyID(1))
		s.must("read a key", err)
		s.equal("key", got.Key, storeKey(1, rev))
	}
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 6), storeKey(1, 7)}})
	got, err := s.Key(s.ctx(), storeKeyID(1))
	s.must("read a key", err)
	s.equal("key replaced twice in one change", got.Key, storeKey(1, 7))
}

func testStoreAliasLimit(s shelf) {
	put := func(limit, n int, name string, rev int64) error {
		return s.Apply(s.ctx(), kms.Change{MaxAliases: limit, Aliases: []kms.AliasRow{storeAliasOf(n, name, rev)}})
	}
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1), storeKey(2, 1)}})
	s.must("first alias", put(2, 1, "alias/a", 1))
	s.must("second alias", put(2, 1, "alias/b", 1))
	s.mustBe("third alias", put(2, 1, "alias/c", 1), kms.ErrAliasLimit)
	s.must("alias of another key", put(2, 2, "alias/c", 1))
	s.mustBe("alias moved to the full key", put(2, 1, "alias/c", 2), kms.ErrAliasLimit)
	s.must("alias of the full key that changes nothing but itself", put(2, 1, "alias/b", 2))
	s.must("alias moved away", put(2, 2, "alias/b", 3))
	s.must("alias moved to where there is room", put(2, 1, "alias/c", 2))
	s.must("no limit", put(0, 1, "alias/d", 1))
	s.apply(kms.Change{MaxAliases: 3, Aliases: []kms.AliasRow{storeAliasOf(1, "alias/e", 1)},
		DropAliases: []kms.AliasRow{storeAliasOf(1, "alias/a", 1)}})
	s.equal("aliases", s.aliasNames(storeAccount, storeKeyID(1), "", 9), []string{"alias/c", "alias/d", "alias/e"})
}
