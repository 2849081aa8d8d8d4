package kmstest

import (
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/kms"
)

func testStoreEmpty(s shelf) {
	errs := s.reads(s.ctx())
	for _, what := range []string{"Meta", "Key", "Alias", "Account", "Principal", "PrincipalNamed", "AccessKey", "Grant"} {
		s.mustBe(what, errs[what], kms.ErrNotFound)
		delete(errs, what)
	}
	for what, err := range errs {
		s.must(what, err)
	}
	s.equal("contents", s.contents(), contents{})
}

func testStoreMeta(s shelf) {
	for i, ready := range []bool{false, true, false} {
		want := kms.MetaRow{
			Directory: fmt.Sprint("directory ", i), Account: storeAccount, Region: "eu-central-1", Token: "token",
			RowKey: storeObject(1, 1), Ready: ready, Dev: !ready, CreatedAt: 7, MAC: storeMAC("meta"),
		}
		s.must("write meta", s.PutMeta(s.ctx(), want))
		got, err := s.Meta(s.ctx())
		s.must("read meta", err)
		s.equal("meta", got, want)
	}
}

func testStoreRecord(s shelf) {
	for n := range 3 {
		c := storeFamily(n)
		slices.Reverse(c.Generations)
		slices.Reverse(c.Uses)
		slices.Reverse(c.Tags)
		s.apply(c)
	}
	got, err := s.Key(s.ctx(), storeKeyID(1))
	s.must("read a key", err)
	s.equal("record", got, storeRecord(storeFamily(1)))
	alias, err := s.Alias(s.ctx(), storeAccount, storeAlias(1))
	s.must("read an alias", err)
	s.equal("alias", alias, storeFamily(1).Aliases[0])
	_, err = s.Alias(s.ctx(), storeOtherAccount, storeAlias(1))
	s.mustBe("read the alias of another account", err, kms.ErrNotFound)
}

func testStoreNoPolicy(s shelf) {
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1)}})
	got, err := s.Key(s.ctx(), storeKeyID(1))
	s.must("read a key", err)
	s.equal("record", got, kms.KeyRecord{Key: storeKey(1, 1)})
}

func testStoreKeyPages(s shelf) {
	for _, n := range []int{5, 1, 0x10, 3, 2} {
		key := storeKey(n, 1)
		if n == 3 {
			key.Account = storeOtherAccount
		}
		s.apply(kms.Change{Keys: []kms.KeyRow{key}})
	}
	list := func(account kms.AccountID, after kms.KeyID, limit int) (ids []kms.KeyID) {
		rows, err := s.Keys(s.ctx(), account, after, limit)
		s.must("list keys", err)
		for _, row := range rows {
			ids = append(ids, row.ID)
		}
		return ids
	}
	all := []kms.KeyID{storeKeyID(1), storeKeyID(2), storeKeyID(5), storeKeyID(0x10)}
	s.equal("all keys", list(storeAccount, "", 100), all)
	s.equal("all keys exactly", list(storeAccount, "", 4), all)
	s.equal("first page", list(storeAccount, "", 2), all[:2])
	s.equal("second page", list(storeAccount, all[1], 2), all[2:])
	s.equal("after the last", list(storeAccount, all[3], 2), []kms.KeyID(nil))
	s.equal("after an id that is not there", list(storeAccount, storeKeyID(4), 1), all[2:3])
	s.equal("another account", list(storeOtherAccount, "", 100), []kms.KeyID{storeKeyID(3)})
}

// storeNames are in the order of their octets, which is neither that of a dictionary nor that of their insertion.
var storeNames = []string{"alias/", "alias/10", "alias/9", "alias/B", "alias/a", "alias/a/b", "alias/ab", "alias/é", "alias/日本"}

func (s shelf) putAliases(n int, account kms.AccountID, names []string) {
	s.t.Helper()
	for _, i := range []int{3, 0, 8, 5, 1, 7, 2, 6, 4} {
		if i < len(names) {
			row := storeAliasOf(n, names[i], 1)
			row.Account = account
			s.apply(kms.Change{Aliases: []kms.AliasRow{row}})
		}
	}
}

func (s shelf) aliasNames(account kms.AccountID, key kms.KeyID, after string, limit int) (names []string) {
	s.t.Helper()
	rows, err := s.Aliases(s.ctx(), account, key, after, limit)
	s.must("list aliases", err)
	for _, row := range rows {
		names = append(names, row.Name)
	}
	return names
}

func testStoreAliasPages(s shelf) {
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1)}})
	s.putAliases(1, storeAccount, storeNames)
	s.putAliases(1, storeOtherAccount, storeNames[:1])
	s.equal("all aliases", s.aliasNames(storeAccount, "", "", 100), storeNames)
	s.equal("first page", s.aliasNames(storeAccount, "", "", 4), storeNames[:4])
	s.equal("second page", s.aliasNames(storeAccount, "", storeNames[3], 4), storeNames[4:8])
	s.equal("last page", s.aliasNames(storeAccount, "", storeNames[7], 4), storeNames[8:])
	s.equal("after a name that is not there", s.aliasNames(storeAccount, "", "alias/a0", 1), storeNames[6:7])
	s.equal("another account", s.aliasNames(storeOtherAccount, "", "", 100), storeNames[:1])
}

func testStoreAliasesOfKey(s shelf) {
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1), storeKey(2, 1), storeKey(3, 1)}})
	s.putAliases(1, storeAccount, storeNames[:5])
	s.putAliases(2, storeAccount, storeNames[5:])
	s.equal("of one key", s.aliasNames(storeAccount, storeKeyID(1), "", 100), storeNames[:5])
	s.equal("of the other", s.aliasNames(storeAccount, storeKeyID(2), "", 2), storeNames[5:7])
	s.equal("of the other, second page", s.aliasNames(storeAccount, storeKeyID(2), storeNames[6], 100), storeNames[7:])
	s.equal("of a key without", s.aliasNames(storeAccount, storeKeyID(3), "", 100), []string(nil))
	s.equal("in another account", s.aliasNames(storeOtherAccount, storeKeyID(1), "", 100), []string(nil))
}

func testStoreGenerations(s shelf) {
	for _, n := range []int{2, 1} {
		key := storeKey(n, 1)
		if n == 2 {
			key.Account = storeOtherAccount
		}
		s.apply(kms.Change{Keys: []kms.KeyRow{key}, Generations: []kms.GenerationRow{
			storeGeneration(n, 10, 1), storeGeneration(n, 9, 1), storeGeneration(n, 1, 1)}})
	}
	got, err := s.Generations(s.ctx())
	s.must("list generations", err)
	var want []kms.GenerationRow
	for _, n := range []int{1, 2} {
		want = append(want, storeGeneration(n, 1, 1), storeGeneration(n, 9, 1), storeGeneration(n, 10, 1))
	}
	s.equal("generations", got, want)
}
