package kmstest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/keyhold/keyhold/kms"
)

func testStoreRaceGrants(s shelf) {
	const limit = 5
	s.apply(kms.Change{Keys: []kms.KeyRow{storeKey(1, 1)}})
	won := s.race("grant the key", func(i int) error {
		return s.Apply(s.ctx(), kms.Change{MaxGrants: limit, Grants: []kms.GrantRow{storeGrant(1, i, 1)}})
	}, kms.ErrGrantLimit)
	s.equal("winners", won, limit)
	s.equal("grants", len(s.contents().Grants), limit)
}

func testStoreRaceNames(s shelf) {
	won := s.race("make a principal of one name", func(i int) error {
		p := storePrincipal(i, 1)
		p.Name = []string{"bot", "Bot", "BOT"}[i%3]
		return s.Apply(s.ctx(), kms.Change{Principals: []kms.PrincipalRow{p}})
	}, kms.ErrConflict)
	s.equal("winners", won, 1)
	s.equal("principals", len(s.contents().Principals), 1)
}

// testStoreRaceDrop drops a principal, with the credentials that it was seen with, while it is given others.
func testStoreRaceDrop(s shelf) {
	for round := range 10 {
		s.apply(storeIdentity(round))
		drop := kms.Change{DropPrincipalPolicies: storeIdentity(round).PrincipalPolicies,
			DropAccessKeys: storeIdentity(round).AccessKeys, DropPrincipals: storeIdentity(round).Principals}
		var dropped bool
		won := s.race("drop the principal or give it a key", func(i int) error {
			if i > 0 {
				return s.Apply(s.ctx(), kms.Change{AccessKeys: []kms.AccessKeyRow{storeAccessKey(round, 10+i, 1)}})
			}
			err := s.Apply(s.ctx(), drop)
			dropped = err == nil
			return err
		}, kms.ErrConflict)
		_, err := s.Principal(s.ctx(), storePrincipalID(round))
		s.equal("the principal is gone", errors.Is(err, kms.ErrNotFound), dropped)
		keys, err := s.AccessKeys(s.ctx(), storePrincipalID(round))
		s.must("list access keys", err)
		if dropped {
			s.equal("access keys of nobody", len(keys), 0)
			s.equal("winners", won, 1)
		} else {
			s.equal("access keys", len(keys), won+len(drop.DropAccessKeys))
		}
	}
}

// testStoreConsistentPrincipals changes every row of a principal at once, so that a record with two revisions in it was
// read across a change.
func testStoreConsistentPrincipals(s shelf) {
	const revisions, readers = 200, 4
	s.apply(storeIdentity(1))
	ctx, stop := context.WithCancel(s.ctx())
	var done sync.WaitGroup
	defer done.Wait()
	defer stop()
	for range readers {
		done.Go(func() {
			for ctx.Err() == nil {
				record, err := s.Principal(s.ctx(), storePrincipalID(1))
				if err != nil {
					s.t.Errorf("read a principal: %v", err)
					return
				}
				for _, p := range record.Policies {
					if p.Rev != record.Principal.Rev {
						s.t.Errorf("a principal at %d has policy %s at %d", record.Principal.Rev, p.Name, p.Rev)
						return
					}
				}
			}
		})
	}
	for rev := int64(2); rev <= revisions; rev++ {
		s.apply(kms.Change{
			Principals:        []kms.PrincipalRow{storePrincipal(1, rev)},
			PrincipalPolicies: []kms.PrincipalPolicyRow{storePrincipalPolicy(1, "p", rev), storePrincipalPolicy(1, "q", rev)},
			Events:            []kms.EventRow{storeEvent(fmt.Sprint(rev))},
		})
	}
}
