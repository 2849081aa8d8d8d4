package kmstest

import (
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms"
)

// mapped is what of each row is compared, or nil for no rows.
func mapped[Row, Value any](rows []Row, of func(Row) Value) (all []Value) {
	for _, row := range rows {
		all = append(all, of(row))
	}
	return all
}

func testStorePrincipalRecord(s shelf) {
	for n := range 3 {
		c := storeIdentity(n)
		slices.Reverse(c.PrincipalPolicies)
		slices.Reverse(c.AccessKeys)
		s.apply(c)
	}
	record, err := s.Principal(s.ctx(), storePrincipalID(1))
	s.must("read a principal", err)
	s.equal("record", record, storePrincipalRecord(storeIdentity(1)))
	key, err := s.AccessKey(s.ctx(), storeAccessKeyID(1, 2))
	s.must("read an access key", err)
	s.equal("access key", key, storeAccessKey(1, 2, 1))
	keys, err := s.AccessKeys(s.ctx(), storePrincipalID(1))
	s.must("list access keys", err)
	s.equal("access keys", keys, storeIdentity(1).AccessKeys)
	account, err := s.Account(s.ctx(), storeAccountID(1))
	s.must("read an account", err)
	s.equal("account", account, storeAccountRow(1, 1))

	s.apply(kms.Change{Principals: []kms.PrincipalRow{storePrincipal(7, 1)}})
	record, err = s.Principal(s.ctx(), storePrincipalID(7))
	s.must("read a principal without policies", err)
	s.equal("record", record, kms.PrincipalRecord{Principal: storePrincipal(7, 1)})
}

func testStorePrincipalNames(s shelf) {
	user, role, foreign := storePrincipal(1, 1), storePrincipal(2, 1), storePrincipal(3, 1)
	role.Kind, foreign.Account = kms.Role, storeOtherAccount
	user.Name, role.Name, foreign.Name = "Build_Bot", "build_bot", "BUILD_BOT"
	s.apply(kms.Change{Principals: []kms.PrincipalRow{user, role, foreign}})
	for _, want := range []kms.PrincipalRow{user, role, foreign} {
		for _, name := range []string{want.Name, strings.ToLower(want.Name), strings.ToUpper(want.Name)} {
			got, err := s.PrincipalNamed(s.ctx(), want.Account, want.Kind, name)
			s.must("read a principal by name", err)
			s.equal("principal", got, want)
		}
	}
	for _, name := range []string{"", "build", "build_bot ", " build_bot", "build%", "build-bot", "build_bo_"} {
		_, err := s.PrincipalNamed(s.ctx(), storeAccount, kms.User, name)
		s.mustBe("read "+name, err, kms.ErrNotFound)
	}
	_, err := s.PrincipalNamed(s.ctx(), storeOtherAccount, kms.Role, "build_bot")
	s.mustBe("read a role of an account that has a user of the name", err, kms.ErrNotFound)
}

// testStorePrincipalRenamed gives a name up by renaming and by dropping, after which another principal may have it.
func testStorePrincipalRenamed(s shelf) {
	named := func(n int, rev int64, name string) []kms.PrincipalRow {
		p := storePrincipal(n, rev)
		p.Name = name
		return []kms.PrincipalRow{p}
	}
	s.apply(kms.Change{Principals: named(1, 1, "bot")})
	s.mustBe("take the name", s.Apply(s.ctx(), kms.Change{Principals: named(2, 1, "Bot")}), kms.ErrConflict)
	s.apply(kms.Change{Principals: named(1, 2, "BOT")})
	s.apply(kms.Change{Principals: named(1, 3, "robot")})
	_, err := s.PrincipalNamed(s.ctx(), storeAccount, kms.User, "bot")
	s.mustBe("read the name that was given up", err, kms.ErrNotFound)
	s.apply(kms.Change{Principals: named(2, 1, "Bot")})
	s.apply(kms.Change{DropPrincipals: named(2, 1, "")})
	s.apply(kms.Change{Principals: named(3, 1, "bot")})
	got, err := s.PrincipalNamed(s.ctx(), storeAccount, kms.User, "Bot")
	s.must("read the principal that has the name now", err)
	s.equal("principal", got, named(3, 1, "bot")[0])
}

func testStorePrincipalPages(s shelf) {
	for _, n := range []int{5, 1, 10, 3, 2} {
		p := storePrincipal(n, 1)
		if n == 3 {
			p.Account = storeOtherAccount
		}
		s.apply(kms.Change{Principals: []kms.PrincipalRow{p}})
	}
	list := func(account kms.AccountID, after kms.PrincipalID, limit int) []kms.PrincipalID {
		rows, err := s.Principals(s.ctx(), account, after, limit)
		s.must("list principals", err)
		return mapped(rows, func(p kms.PrincipalRow) kms.PrincipalID { return p.ID })
	}
	all := []kms.PrincipalID{storePrincipalID(1), storePrincipalID(2), storePrincipalID(5), storePrincipalID(10)}
	s.equal("all", list(storeAccount, "", 100), all)
	s.equal("first page", list(storeAccount, "", 2), all[:2])
	s.equal("second page", list(storeAccount, all[1], 2), all[2:])
	s.equal("after the last", list(storeAccount, all[3], 2), []kms.PrincipalID(nil))
	s.equal("after an id that is not there", list(storeAccount, storePrincipalID(4), 1), all[2:3])
	s.equal("another account", list(storeOtherAccount, "", 100), []kms.PrincipalID{storePrincipalID(3)})
}

func testStoreAccountPages(s shelf) {
	for _, n := range []int{5, 1, 10, 2} {
		s.apply(kms.Change{Accounts: []kms.AccountRow{storeAccountRow(n, 1)}})
	}
	list := func(after kms.AccountID, limit int) []kms.AccountID {
		rows, err := s.Accounts(s.ctx(), after, limit)
		s.must("list accounts", err)
		return mapped(rows, func(a kms.AccountRow) kms.AccountID { return a.ID })
	}
	all := []kms.AccountID{storeAccountID(1), storeAccountID(2), storeAccountID(5), storeAccountID(10)}
	s.equal("all", list("", 100), all)
	s.equal("first page", list("", 2), all[:2])
	s.equal("second page", list(all[1], 2), all[2:])
	s.equal("after the last", list(all[3], 2), []kms.AccountID(nil))
}

func testStoreCredentialLists(s shelf) {
	s.apply(kms.Change{Principals: []kms.PrincipalRow{storePrincipal(1, 1), storePrincipal(2, 1)}})
	for _, number := range []int{3, 1, 2} {
		s.apply(kms.Change{
			AccessKeys:  []kms.AccessKeyRow{storeAccessKey(1, number, 1), storeAccessKey(2, 10+number, 1)},
			SessionKeys: []kms.SessionKeyRow{storeSessionKey(number, 1)},
		})
	}
	rows, err := s.AccessKeys(s.ctx(), storePrincipalID(1))
	s.must("list access keys", err)
	s.equal("access keys", rows, []kms.AccessKeyRow{storeAccessKey(1, 1, 1), storeAccessKey(1, 2, 1), storeAccessKey(1, 3, 1)})
	rows, err = s.AccessKeys(s.ctx(), storePrincipalID(9))
	s.must("list access keys of nobody", err)
	s.equal("access keys of nobody", rows, []kms.AccessKeyRow{})
	sessions, err := s.SessionKeys(s.ctx())
	s.must("list session keys", err)
	s.equal("session keys", sessions, []kms.SessionKeyRow{storeSessionKey(3, 1), storeSessionKey(2, 1), storeSessionKey(1, 1)})
}
