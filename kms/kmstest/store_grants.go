package kmstest

import (
	"github.com/keyhold/keyhold/kms"
)

// grantNumbers finds the numbers, up to 99, of grants.
func (s shelf) grantNumbers(rows []kms.GrantRow, err error) (numbers []int) {
	s.t.Helper()
	s.must("list grants", err)
	for _, row := range rows {
		for number := range 100 {
			if row.ID == storeGrantID(number) {
				numbers = append(numbers, number)
			}
		}
	}
	s.equal("grants that are known", len(numbers), len(rows))
	return numbers
}

func grantTo(n, number int, rev int64, grantee, name, retiring string) kms.GrantRow {
	g := storeGrant(n, number, rev)
	g.Grantee, g.Name, g.Retiring = grantee, name, retiring
	return g
}

func testStoreGrantLookups(s shelf) {
	s.apply(kms.Change{
		Keys: []kms.KeyRow{storeKey(1, 1), storeKey(2, 1)},
		Grants: []kms.GrantRow{
			grantTo(1, 4, 1, "a", "same", ""), grantTo(1, 3, 1, "a", "Same", ""), grantTo(1, 2, 1, "A", "", "a"),
			grantTo(1, 1, 1, "a:session", "", ""), grantTo(2, 4, 1, "a", "same", ""), grantTo(2, 5, 1, "a", "other", ""),
		},
	})
	got, err := s.Grant(s.ctx(), storeKeyID(2), storeGrantID(4))
	s.must("read a grant", err)
	s.equal("grant", got, grantTo(2, 4, 1, "a", "same", ""))
	_, err = s.Grant(s.ctx(), storeKeyID(1), storeGrantID(5))
	s.mustBe("read a grant of another key", err, kms.ErrNotFound)

	to := func(n int, grantee string) []int { return s.grantNumbers(s.GrantsTo(s.ctx(), storeKeyID(n), grantee)) }
	s.equal("to a", to(1, "a"), []int{3, 4})
	s.equal("to A", to(1, "A"), []int{2})
	s.equal("to a session of a", to(1, "a:session"), []int{1})
	s.equal("of the other key", to(2, "a"), []int{4, 5})
	s.equal("to nobody", to(1, ""), []int(nil))

	named := func(n int, name string) []int { return s.grantNumbers(s.GrantsNamed(s.ctx(), storeKeyID(n), name)) }
	s.equal("named same", named(1, "same"), []int{4})
	s.equal("named Same", named(1, "Same"), []int{3})
	s.equal("named other", named(1, "other"), []int(nil))
	s.equal("without a name", named(1, ""), []int(nil))

	s.apply(kms.Change{Grants: []kms.GrantRow{grantTo(1, 4, 2, "b", "", ""), grantTo(1, 2, 2, "A", "same", "")}})
	s.equal("to a, after a grant went to another", to(1, "a"), []int{3})
	s.equal("to b", to(1, "b"), []int{4})
	s.equal("named same, after names were changed", named(1, "same"), []int{2})
}

func testStoreGrantPages(s shelf) {
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1), storeKey(2, 1)}})
	for _, number := range []int{5, 1, 10, 3, 2, 8} {
		grantee := map[bool]string{true: "even", false: "odd"}[number%2 == 0]
		s.apply(kms.Change{Grants: []kms.GrantRow{grantTo(1, number, 1, grantee, "", "")}})
	}
	s.apply(kms.Change{Grants: []kms.GrantRow{grantTo(2, 4, 1, "even", "", "")}})
	list := func(grantee string, after, limit int) []int {
		var marker kms.GrantID
		if after > 0 {
			marker = storeGrantID(after)
		}
		return s.grantNumbers(s.Grants(s.ctx(), storeKeyID(1), grantee, marker, limit))
	}
	s.equal("all", list("", 0, 100), []int{1, 2, 3, 5, 8, 10})
	s.equal("first page", list("", 0, 4), []int{1, 2, 3, 5})
	s.equal("second page", list("", 5, 4), []int{8, 10})
	s.equal("after the last", list("", 10, 4), []int(nil))
	s.equal("after an id that is not there", list("", 4, 1), []int{5})
	s.equal("to one grantee", list("even", 0, 100), []int{2, 8, 10})
	s.equal("to one grantee, first page", list("even", 0, 2), []int{2, 8})
	s.equal("to one grantee, second page", list("even", 8, 2), []int{10})
	s.equal("to one grantee, after a grant to another", list("even", 3, 1), []int{8})
	s.equal("to nobody", list("nobody", 0, 100), []int(nil))
}

func testStoreRetirablePages(s shelf) {
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1), storeKey(2, 1), storeKey(3, 1)}})
	for _, row := range []kms.GrantRow{
		grantTo(3, 1, 1, "g", "", "r"), grantTo(1, 2, 1, "g", "", "r"), grantTo(2, 1, 1, "g", "", "r"),
		grantTo(1, 3, 1, "r", "", "other"), grantTo(1, 4, 1, "g", "", ""), grantTo(2, 5, 1, "g", "", "r"), grantTo(1, 1, 1, "g", "", "R"),
	} {
		s.apply(kms.Change{Grants: []kms.GrantRow{row}})
	}
	type place struct{ Key, Grant int }
	list := func(retiring string, after place, limit int) (places []place) {
		var grant kms.GrantID
		var key kms.KeyID
		if after != (place{}) {
			grant, key = storeGrantID(after.Grant), storeKeyID(after.Key)
		}
		rows, err := s.RetirableGrants(s.ctx(), retiring, grant, key, limit)
		numbers := s.grantNumbers(rows, err)
		for i, row := range rows {
			for n := range 4 {
				if row.KeyID == storeKeyID(n) {
					places = append(places, place{n, numbers[i]})
				}
			}
		}
		return places
	}
	all := []place{{2, 1}, {3, 1}, {1, 2}, {2, 5}}
	s.equal("all", list("r", place{}, 100), all)
	for limit := 1; limit <= len(all); limit++ {
		var pages []place
		for page := list("r", place{}, limit); len(page) > 0; page = list("r", page[len(page)-1], limit) {
			s.equal("length of a page", len(page) <= limit, true)
			pages = append(pages, page...)
		}
		s.equal("all, in pages", pages, all)
	}
	s.equal("after a grant that is not there", list("r", place{9, 1}, 1), all[2:3])
	s.equal("of another", list("R", place{}, 100), []place{{1, 1}})
	s.equal("of nobody", list("", place{}, 100), []place(nil))
}

func testStoreGrantLimit(s shelf) {
	put := func(limit int, rows ...kms.GrantRow) error {
		return s.Apply(s.ctx(), kms.Change{MaxGrants: limit, Grants: rows})
	}
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1), storeKey(2, 1)}})
	s.mustBe("three grants at once", put(2, storeGrant(1, 1, 1), storeGrant(1, 2, 1), storeGrant(1, 3, 1)), kms.ErrGrantLimit)
	s.must("two grants at once", put(2, storeGrant(1, 1, 1), storeGrant(1, 2, 1)))
	s.mustBe("third grant", put(2, storeGrant(1, 3, 1)), kms.ErrGrantLimit)
	s.mustBe("grant that is there", put(3, storeGrant(1, 2, 1)), kms.ErrConflict)
	s.must("grant of another key", put(2, storeGrant(2, 3, 1)))
	s.must("grant of the full key that changes nothing but itself", put(2, storeGrant(1, 2, 2)))
	s.mustBe("grants of both keys", put(2, storeGrant(2, 4, 1), storeGrant(1, 4, 1)), kms.ErrGrantLimit)
	s.must("no limit", put(0, storeGrant(1, 4, 1)))
	s.mustBe("limit below what is there", put(2, storeGrant(1, 2, 3)), kms.ErrGrantLimit)
	s.apply(kms.Change{MaxGrants: 3, Grants: []kms.GrantRow{storeGrant(1, 5, 1)}, DropGrants: []kms.GrantRow{storeGrant(1, 1, 1)}})
	s.apply(kms.Change{DropGrants: []kms.GrantRow{storeGrant(1, 4, 1), storeGrant(1, 5, 1)}})
	s.mustBe("refused after it was counted", s.Apply(s.ctx(), kms.Change{
		MaxGrants: 2, Grants: []kms.GrantRow{storeGrant(1, 6, 1)}, Events: []kms.EventRow{storeEvent("e"), storeEvent("e")},
	}), kms.ErrConflict)
	s.must("where grants were dropped", put(2, storeGrant(1, 4, 1)))
	s.equal("grants", s.grantNumbers(s.Grants(s.ctx(), storeKeyID(1), "", "", 9)), []int{2, 4})
}
