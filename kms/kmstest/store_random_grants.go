package kmstest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/keyhold/keyhold/kms"
)

func (d dice) grant(n, number int, rev int64) kms.GrantRow {
	return kms.GrantRow{
		KeyID: storeKeyID(n), ID: storeGrantID(number), Rev: rev, Name: d.text(), Grantee: d.text(), GranteeARN: d.text(),
		Retiring: d.text(), RetiringARN: d.text(), Issuer: d.account(), Operations: d.text(),
		Constraint: oneOf(d, kms.Unconstrained, kms.EncryptionContextEquals, kms.EncryptionContextSubset), Context: d.text(),
		CreatedAt: d.micros(), MAC: d.octets(),
	}
}

// shadow is what a store should hold of grants.
type shadow map[kms.KeyID]map[kms.GrantID]kms.GrantRow

func (m shadow) clone() shadow {
	out := make(shadow)
	for key, rows := range m {
		out[key] = maps.Clone(rows)
	}
	return out
}

// after is what a change leaves, or the error that it deserves.
func (m shadow) after(c kms.Change) (shadow, error) {
	out := m.clone()
	for _, g := range c.Grants {
		if out[g.KeyID][g.ID].Rev != g.Rev-1 {
			return m, kms.ErrConflict
		}
		out[g.KeyID][g.ID] = g
	}
	for _, g := range c.DropGrants {
		if row, ok := out[g.KeyID][g.ID]; !ok || row.Rev != g.Rev {
			return m, kms.ErrConflict
		}
		delete(out[g.KeyID], g.ID)
	}
	for _, g := range c.Grants {
		if c.MaxGrants > 0 && len(out[g.KeyID]) > c.MaxGrants {
			return m, kms.ErrGrantLimit
		}
	}
	return out, nil
}

func (m shadow) rows() (all []kms.GrantRow) {
	for _, rows := range m {
		for _, row := range rows {
			all = append(all, row)
		}
	}
	slices.SortFunc(all, func(a, b kms.GrantRow) int {
		return cmp.Or(cmp.Compare(a.KeyID, b.KeyID), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// change draws one to four grants to make, replace or drop, mostly at the right revision.
func (m shadow) change(d dice) (c kms.Change) {
	c.MaxGrants = d.IntN(6)
	for range 1 + d.IntN(4) {
		n, number := d.IntN(3), d.IntN(8)
		rev := m[storeKeyID(n)][storeGrantID(number)].Rev + int64(d.IntN(12)/11)
		if rev > 0 && d.IntN(2) == 0 {
			c.DropGrants = append(c.DropGrants, storeGrant(n, number, rev))
		} else {
			c.Grants = append(c.Grants, d.grant(n, number, rev+1))
		}
	}
	return c
}

// testStoreRandomGrants compares what random changes leave, and which of them are refused, with what should be.
func testStoreRandomGrants(s shelf) {
	d, want := s.dice(), shadow{}
	for n := range 3 {
		s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(n, 1)}})
		want[storeKeyID(n)] = make(map[kms.GrantID]kms.GrantRow)
	}
	answers := make(map[error]int)
	for i := range 300 {
		c := want.change(d)
		next, deserved := want.after(c)
		if err := s.Apply(s.ctx(), c); !errors.Is(err, deserved) {
			s.t.Fatalf("change %d: got %v, want %v: %+v", i, err, deserved, c)
		}
		want = next
		answers[deserved]++
		s.equal(fmt.Sprint("grants after change ", i), s.contents().Grants, want.rows())
	}
	s.t.Logf("answers: %v", answers)
}
