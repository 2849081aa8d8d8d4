package kmstest

import (
	"fmt"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/keyspec"
)

func testStoreAllOrNothing(s shelf) {
	s.prepareForEverything()
	for _, r := range storeRevisions() {
		for _, rev := range r.wrong() {
			spoil := func(c *kms.Change) { r.of(c).SetInt(rev) }
			s.refuses(fmt.Sprintf("%s %d at %d", r.member, r.index, rev), spoil, kms.ErrConflict)
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

func testStoreKeyLimit(s shelf) {
	put := func(limit int, rows ...kms.KeyRow) error {
		return s.Apply(s.ctx(), kms.Change{MaxKeys: limit, Keys: rows})
	}
	of := func(n int, edit func(*kms.KeyRow)) kms.KeyRow {
		row := storeKey(n, 1)
		edit(&row)
		return row
	}
	count := func(account kms.AccountID, want int) {
		n, err := s.KeyCount(s.ctx(), account)
		s.must("count keys", err)
		s.equal("keys", n, want)
	}
	count(storeAccount, 0)
	s.mustBe("three keys at once", put(2, storeKey(1, 1), storeKey(2, 1), storeKey(3, 1)), kms.ErrKeyLimit)
	count(storeAccount, 0)
	s.must("first key", put(2, storeKey(1, 1)))
	s.must("second key, which is being deleted", put(2, of(2, func(k *kms.KeyRow) { k.State = keyspec.StatePendingDeletion })))
	s.mustBe("third key", put(2, storeKey(3, 1)), kms.ErrKeyLimit)
	s.mustBe("key that is there", put(2, storeKey(2, 1)), kms.ErrConflict)
	s.must("key that is replaced", put(2, storeKey(1, 2)))
	s.must("key of another account", put(2, of(4, func(k *kms.KeyRow) { k.Account = storeOtherAccount })))
	s.must("AWS managed key", put(2, of(5, func(k *kms.KeyRow) { k.Manager = keyspec.ManagerAWS })))
	s.must("no limit", put(0, storeKey(6, 1)))
	s.mustBe("limit below what is there", put(2, storeKey(1, 3)), kms.ErrKeyLimit)
	count(storeAccount, 3)
	count(storeOtherAccount, 1)
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
