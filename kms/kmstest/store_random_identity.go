package kmstest

import (
	"cmp"
	"slices"

	"github.com/keyhold/keyhold/kms"
)

func oneOf[T any](d dice, all ...T) T { return all[d.IntN(len(all))] }

func (d dice) micros() kms.Micros { return kms.Micros(d.int64()) }

func (d dice) state() kms.ActiveState { return oneOf(d, kms.Active, kms.Inactive) }

// identity draws account, principal and session key n with all that belongs to them, at a revision. What identifies the
// rows depends on n alone.
func (d dice) identity(n int, rev int64) kms.Change {
	c := kms.Change{
		Accounts: []kms.AccountRow{{
			ID: storeAccountID(n), Rev: rev, State: d.state(), Name: d.text(), CreatedAt: d.micros(), DeletedAt: d.micros(), MAC: d.octets(),
		}},
		Principals: []kms.PrincipalRow{{
			ID: storePrincipalID(n), Account: d.account(), Rev: rev, Kind: oneOf(d, kms.User, kms.Role), Path: d.text(),
			Name: storePrincipalName(n) + d.text(), State: d.state(), Description: d.text(), Tags: d.text(), TrustPolicy: d.text(),
			TrustBound: kms.Bindings(d.text()), MaxSessionSeconds: d.count(), SessionsNotBefore: d.micros(), PoliciesDigest: kms.PoliciesDigest(d.text()),
			CreatedAt: d.micros(), MAC: d.octets(),
		}},
		SessionKeys: []kms.SessionKeyRow{{
			ID: string(storeKeyID(n)), Rev: rev, Sealed: d.octets(), CreatedAt: d.micros(), MAC: d.octets(),
		}},
	}
	for i := range 3 {
		c.PrincipalPolicies = append(c.PrincipalPolicies, kms.PrincipalPolicyRow{
			Principal: storePrincipalID(n), Name: storeTexts[(3*n+i)%len(storeTexts)], Rev: rev, Document: d.text(), MAC: d.octets(),
		})
		c.AccessKeys = append(c.AccessKeys, kms.AccessKeyRow{
			ID: storeAccessKeyID(n, i), Principal: storePrincipalID(n), Account: d.account(), Rev: rev, State: d.state(),
			Sealed: d.octets(), CreatedAt: d.micros(), MAC: d.octets(),
		})
	}
	slices.SortFunc(c.PrincipalPolicies, func(a, b kms.PrincipalPolicyRow) int { return cmp.Compare(a.Name, b.Name) })
	return c
}

// testStoreRandomIdentities makes identities with any content and replaces every row of them with another.
func testStoreRandomIdentities(s shelf) {
	d := s.dice()
	for rev := range int64(3) {
		for n := range 40 {
			c := d.identity(n, rev+1)
			s.apply(c)
			record, err := s.Principal(s.ctx(), c.Principals[0].ID)
			s.must("read a principal", err)
			s.equal("record", record, storePrincipalRecord(c))
			keys, err := s.AccessKeys(s.ctx(), c.Principals[0].ID)
			s.must("list access keys", err)
			s.equal("access keys", keys, c.AccessKeys)
			account, err := s.Account(s.ctx(), c.Accounts[0].ID)
			s.must("read an account", err)
			s.equal("account", account, c.Accounts[0])
			sessions, err := s.SessionKeys(s.ctx())
			s.must("list session keys", err)
			i := slices.IndexFunc(sessions, func(k kms.SessionKeyRow) bool { return k.ID == c.SessionKeys[0].ID })
			s.equal("session key", sessions[i], c.SessionKeys[0])
		}
	}
}
