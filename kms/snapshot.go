package kms

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/policy"
)

// Key is an immutable snapshot of one KMS key: its rows, checked, and its policy, compiled. A newer snapshot replaces
// it in the cache; whoever still holds the old one finds out before the token is called (see Call).
type Key struct {
	freshness
	record KeyRecord
	policy *policy.Policy
	arn    string
}

// ID is the key's id.
func (k *Key) ID() KeyID { return k.record.Key.ID }

// ARN is the key's ARN.
func (k *Key) ARN() string { return k.arn }

// Row is a copy of the key's row.
func (k *Key) Row() KeyRow { return k.record.Key }

// Next is a copy of the key's row at the next revision, for a change to edit.
func (k *Key) Next() KeyRow {
	row := k.record.Key
	row.Rev++
	row.MAC = nil
	return row
}

// Generations are the key's generations, ascending from number 1. The slice must not be changed.
func (k *Key) Generations() []GenerationRow { return k.record.Generations }

// Current is the generation that encrypts.
func (k *Key) Current() GenerationRow { return k.record.Generations[k.record.Key.Current-1] }

// Tags are the key's tags in the order of insertion. The slice must not be changed.
func (k *Key) Tags() []TagRow { return k.record.Tags }

// Policy is the policy's text as it was given.
func (k *Key) Policy() string { return k.record.Policy.Document }

// Alias is a snapshot of an alias.
type Alias struct {
	freshness
	row AliasRow
}

type aliasID struct {
	account AccountID
	name    string
}

// snapshots are the caches of what decisions are made from.
type snapshots struct {
	keys       *cache[KeyID, *Key]
	aliases    *cache[aliasID, *Alias]
	names      *cache[KeyID, *keyNames]
	accounts   *cache[AccountID, *accountState]
	principals *cache[PrincipalID, *Principal]
	credential *cache[AccessKeyID, *accessKey]
	grants     *cache[granteeID, *grantList]

	absentKeys     *cache[KeyID, *absence]
	absentAliases  *cache[aliasID, *absence]
	absentAccounts *cache[AccountID, *absence]
	absentGrants   *cache[granteeID, *absence]
}

func newSnapshots() *snapshots {
	return &snapshots{
		keys:           newCache[KeyID, *Key](cacheLimit),
		aliases:        newCache[aliasID, *Alias](cacheLimit),
		names:          newCache[KeyID, *keyNames](cacheLimit),
		accounts:       newCache[AccountID, *accountState](cacheLimit),
		principals:     newCache[PrincipalID, *Principal](cacheLimit),
		credential:     newCache[AccessKeyID, *accessKey](cacheLimit),
		grants:         newCache[granteeID, *grantList](cacheLimit),
		absentKeys:     newCache[KeyID, *absence](absenceLimit),
		absentAliases:  newCache[aliasID, *absence](absenceLimit),
		absentAccounts: newCache[AccountID, *absence](absenceLimit),
		absentGrants:   newCache[granteeID, *absence](absenceLimit),
	}
}

// invalidate drops whatever a change may have made stale. Once it has returned, no request passes its last look at a
// snapshot of before.
func (s *snapshots) invalidate(c Change) {
	for _, r := range c.Keys {
		s.keys.drop(r.ID)
		s.absentKeys.drop(r.ID)
	}
	for _, r := range c.Generations {
		s.keys.drop(r.KeyID)
	}
	for _, r := range c.Policies {
		s.keys.drop(r.KeyID)
	}
	for _, r := range slices.Concat(c.Tags, c.DropTags) {
		s.keys.drop(r.KeyID)
	}
	for _, r := range c.Aliases {
		s.renamed(r)
	}
	for _, r := range slices.Concat(c.Aliases, c.DropAliases) {
		s.names.drop(r.KeyID)
		s.aliases.drop(aliasID{r.Account, r.Name})
		s.absentAliases.drop(aliasID{r.Account, r.Name})
	}
	s.invalidateIdentities(c)
	for _, r := range slices.Concat(c.Grants, c.DropGrants) {
		s.grants.drop(granteeID{r.KeyID, r.Grantee})
	}
}

// renamed invalidates the names of the key that an alias was taken from. The change does not say which: the snapshot
// does that the change was made from, and if it is not here any more, it may have been any. Not all names every time, for
// one account's aliases would then hold up the requests of others.
func (s *snapshots) renamed(r AliasRow) {
	if r.Rev == 1 {
		return // it is new
	}
	if old, ok := s.aliases.peek(aliasID{r.Account, r.Name}); ok && old.row.Rev < r.Rev {
		s.names.drop(old.row.KeyID)
		return
	}
	s.names.clear()
}

func (s *snapshots) invalidateIdentities(c Change) {
	for _, r := range c.Accounts {
		s.accounts.drop(r.ID)
		s.absentAccounts.drop(r.ID)
	}
	for _, r := range slices.Concat(c.Principals, c.DropPrincipals) {
		s.principals.drop(r.ID)
	}
	for _, r := range slices.Concat(c.PrincipalPolicies, c.DropPrincipalPolicies) {
		s.principals.drop(r.Principal)
	}
	for _, r := range slices.Concat(c.AccessKeys, c.DropAccessKeys) {
		s.credential.drop(r.ID)
	}
}

// key is the newest snapshot of a key: ErrNotFound, a *TamperError, or the store's or the device's error.
func (s *Service) key(ctx context.Context, id KeyID) (*Key, error) {
	return s.snapshots.keys.get(ctx, id, func() (*Key, error) { return s.loadKey(ctx, id) })
}

func (s *Service) alias(ctx context.Context, account AccountID, name string) (*Alias, error) {
	return s.snapshots.aliases.get(ctx, aliasID{account, name}, func() (*Alias, error) {
		row, err := s.store.Alias(ctx, account, name)
		if err != nil {
			return nil, err
		}
		if row.Account != account || row.Name != name {
			return nil, fmt.Errorf("the store answered alias %q for %q", row.Name, name)
		}
		return &Alias{row: row}, s.signer.verify(ctx, &row)
	})
}

// keyNames are the names of a key's aliases.
type keyNames struct {
	freshness
	list []string
}

// names are the names of a key's aliases, for kms:ResourceAliases. An alias that was changed outside Keyhold counts for
// nothing.
func (s *Service) names(ctx context.Context, key *Key) (*keyNames, error) {
	return s.snapshots.names.get(ctx, key.ID(), func() (*keyNames, error) {
		rows, err := s.store.Aliases(ctx, key.Row().Account, key.ID(), "", api.MaxAliasesPerKey)
		if err != nil {
			return nil, err
		}
		names := &keyNames{}
		for _, row := range rows {
			err := s.signer.verify(ctx, &row)
			if _, tampered := isTampered(err); tampered {
				continue
			}
			if err != nil {
				return nil, err
			}
			names.list = append(names.list, row.Name)
		}
		return names, nil
	})
}

func (s *Service) loadKey(ctx context.Context, id KeyID) (*Key, error) {
	record, err := s.store.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.checkRecord(ctx, id, record); err != nil {
		return nil, err
	}
	compiled, err := compile(policy.KeyPolicy, record.Policy.Document, record.Policy.Bound)
	if err != nil {
		return nil, &TamperError{Row: record.Policy.what(), Reason: err.Error()}
	}
	return &Key{record: record, policy: compiled, arn: s.realm.KeyARN(record.Key.Account, id)}, nil
}

// checkRecord verifies every row of a key and that none is missing: the key row says how many generations there are,
// and each generation has its count of uses.
func (s *Service) checkRecord(ctx context.Context, id KeyID, r KeyRecord) error {
	missing := func(what string) error {
		return &TamperError{Row: r.Key.what(), Reason: what + " is missing: it was removed outside Keyhold"}
	}
	if r.Key.ID != id {
		return &TamperError{Row: r.Key.what(), Reason: fmt.Sprintf("the store answered it for key %s", id)}
	}
	rows := []authenticRow{&r.Key}
	if err := s.signer.verify(ctx, rows...); err != nil {
		return err
	}
	rows = rows[:0]
	if r.Policy.KeyID != id {
		return missing("its policy")
	}
	if r.Policy.Rev != r.Key.PolicyRev {
		return &TamperError{Row: r.Policy.what(), Reason: fmt.Sprintf("it is revision %d, and the key has revision %d", r.Policy.Rev, r.Key.PolicyRev)}
	}
	rows = append(rows, &r.Policy)
	for i := range r.Generations {
		rows = append(rows, &r.Generations[i])
	}
	for i := range r.Uses {
		rows = append(rows, &r.Uses[i])
	}
	for i := range r.Tags {
		rows = append(rows, &r.Tags[i])
	}
	if err := s.signer.verify(ctx, rows...); err != nil {
		return err
	}
	for n := range r.Key.Current {
		if int(n) >= len(r.Generations) || r.Generations[n].Number != n+1 || r.Generations[n].KeyID != id {
			return missing(fmt.Sprintf("its generation %d", n+1))
		}
		if int(n) >= len(r.Uses) || r.Uses[n].Number != n+1 || r.Uses[n].KeyID != id {
			return missing(fmt.Sprintf("its count of uses of generation %d", n+1))
		}
	}
	if len(r.Tags) != r.Key.TagCount {
		return missing(fmt.Sprintf("one of its %d tags", r.Key.TagCount))
	}
	if r.Key.Current == 0 || len(r.Generations) != int(r.Key.Current) {
		return &TamperError{Row: r.Key.what(), Reason: "it has generations that it does not know of"}
	}
	if _, ok := keyTransitions[r.Key.State]; !ok || r.Key.State == "" || r.Key.Spec != keyspec.SymmetricDefault {
		return &TamperError{Row: r.Key.what(), Reason: fmt.Sprintf("unknown state %q or spec %q", r.Key.State, r.Key.Spec)}
	}
	return nil
}

// isTampered tells a *TamperError and gives it.
func isTampered(err error) (*TamperError, bool) {
	var t *TamperError
	ok := errors.As(err, &t)
	return t, ok
}
