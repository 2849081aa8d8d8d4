package kmstest

import (
	"reflect"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// storeEverything touches every member of Change, each with a row that is replaced or removed and one that is new. It
// fits a store with the families 1 and 2, the identities 1, 2 and 4 and the birth of object 1, 3. Identity 2 goes, and leaves
// its account's row.
func storeEverything() kms.Change {
	return kms.Change{
		Expect: []kms.Expectation{
			{Key: storeKeyID(2), Rev: 1},
			{Account: storeAccount, Alias: storeAlias(2), Rev: 1},
			{Principal: storePrincipalID(4), Rev: 1},
			{AccessKey: storeAccessKeyID(4, 1), Rev: 1},
			{Account: storeAccountID(4), Rev: 1},
			{Key: storeKeyID(2), Grant: storeGrantID(1), Rev: 1},
			{Key: storeKeyID(9)},
			{Account: storeAccount, Alias: storeAlias(9)},
			{Account: storeOtherAccount, Alias: storeAlias(2)},
			{Principal: storePrincipalID(9)},
			{AccessKey: storeAccessKeyID(4, 9)},
			{Account: storeAccount},
			{Key: storeKeyID(2), Grant: storeGrantID(9)},
			{Key: storeKeyID(9), Grant: storeGrantID(1)},
		},
		MaxKeys:     3,
		Keys:        []kms.KeyRow{storeKey(1, 2), storeKey(3, 1)},
		Generations: []kms.GenerationRow{storeGeneration(1, 1, 2), storeGeneration(1, 3, 1)},
		Uses:        []kms.UsesRow{storeUses(1, 1, 2), storeUses(1, 3, 1)},
		Policies:    []kms.PolicyRow{storePolicy(1, 2), storePolicy(3, 1)},
		Tags:        []kms.TagRow{storeTag(1, "z", 1, 2), storeTag(1, "new", 3, 1)},
		DropTags:    []kms.TagRow{storeTag(1, "a", 2, 1)},
		MaxAliases:  2,
		Aliases:     []kms.AliasRow{storeAliasOf(1, storeAlias(1), 2), storeAliasOf(3, "alias/new", 1)},
		DropAliases: []kms.AliasRow{storeAliasOf(1, storeAlias(1)+"b", 1)},

		Principals:            []kms.PrincipalRow{storePrincipal(1, 2), storePrincipal(3, 1)},
		PrincipalPolicies:     []kms.PrincipalPolicyRow{storePrincipalPolicy(1, "q", 2), storePrincipalPolicy(3, "new", 1)},
		AccessKeys:            []kms.AccessKeyRow{storeAccessKey(1, 1, 2), storeAccessKey(3, 1, 1)},
		SessionKeys:           []kms.SessionKeyRow{storeSessionKey(1, 2), storeSessionKey(3, 1)},
		DropPrincipalPolicies: append(storeIdentity(2).PrincipalPolicies, storePrincipalPolicy(1, "p", 1)),
		DropAccessKeys:        append(storeIdentity(2).AccessKeys, storeAccessKey(1, 2, 1)),
		DropPrincipals:        storeIdentity(2).Principals,
		Accounts:              []kms.AccountRow{storeAccountRow(1, 2), storeAccountRow(3, 1), storeDeletedAccount(2, 2)},
		DropSessionKeys:       storeIdentity(2).SessionKeys,

		MaxGrants:  2,
		Grants:     []kms.GrantRow{storeGrant(1, 1, 2), storeGrant(3, 1, 1), storeGrant(1, 3, 1)},
		DropGrants: []kms.GrantRow{storeGrant(1, 2, 1)},

		Births: []device.ObjectID{storeObject(1, 3)},
		Events: []kms.EventRow{storeEvent("everything"), storeEvent("and more")},
	}
}

func (s shelf) prepareForEverything() {
	s.t.Helper()
	for _, c := range []kms.Change{storeFamily(1), storeFamily(2), storeIdentity(1), storeIdentity(2), storeIdentity(4)} {
		s.apply(c)
	}
	s.must("put a birth", s.PutBirth(s.ctx(), storeBirth(1, 3)))
}

// storeRevision is a place of storeEverything that holds a revision.
type storeRevision struct {
	member string
	index  int
	rev    int64 // the right one
}

func (r storeRevision) of(c *kms.Change) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByName(r.member).Index(r.index).FieldByName("Rev")
}

// wrong are revisions around the right one. An expectation and a removal take the revision that the row has, or 0 for
// one that is not there; a replacement takes the next one, and 1 is a row that must be new.
func (r storeRevision) wrong() []int64 {
	switch exact := r.member == "Expect" || strings.HasPrefix(r.member, "Drop"); {
	case r.rev == 0:
		return []int64{1}
	case exact || r.rev == 1:
		return []int64{0, r.rev + 1}
	default:
		return []int64{0, 1, r.rev + 1}
	}
}

// storeRevisions are all such places, whatever members a change has.
func storeRevisions() (all []storeRevision) {
	c := storeEverything()
	for i := range reflect.TypeFor[kms.Change]().NumField() {
		field := reflect.TypeFor[kms.Change]().Field(i)
		if field.Type.Kind() != reflect.Slice || field.Type.Elem().Kind() != reflect.Struct {
			continue
		}
		if _, ok := field.Type.Elem().FieldByName("Rev"); !ok {
			continue
		}
		for j := range reflect.ValueOf(c).Field(i).Len() {
			r := storeRevision{member: field.Name, index: j}
			r.rev = r.of(&c).Int()
			all = append(all, r)
		}
	}
	return all
}

func (s shelf) wantEverything() {
	s.t.Helper()
	c, first, second, bystander := storeEverything(), storeFamily(1), storeFamily(2), storeIdentity(4)
	want := contents{
		Records: []kms.KeyRecord{{
			Key:         c.Keys[0],
			Generations: []kms.GenerationRow{c.Generations[0], first.Generations[1], c.Generations[1]},
			Uses:        []kms.UsesRow{c.Uses[0], first.Uses[1], c.Uses[1]},
			Policy:      c.Policies[0],
			Tags:        c.Tags,
		}, storeRecord(second), {Key: c.Keys[1], Policy: c.Policies[1]}},
		Aliases:     []kms.AliasRow{c.Aliases[0], second.Aliases[0], second.Aliases[1], c.Aliases[1]},
		Grants:      []kms.GrantRow{c.Grants[0], c.Grants[2], second.Grants[0], second.Grants[1], c.Grants[1]},
		Accounts:    []kms.AccountRow{c.Accounts[0], c.Accounts[2], c.Accounts[1], bystander.Accounts[0]},
		SessionKeys: []kms.SessionKeyRow{bystander.SessionKeys[0], c.SessionKeys[1], c.SessionKeys[0]},
		Principals: []kms.PrincipalRecord{
			{Principal: c.Principals[0], Policies: c.PrincipalPolicies[:1]},
			{Principal: c.Principals[1], Policies: c.PrincipalPolicies[1:]},
			storePrincipalRecord(bystander),
		},
		AccessKeys: append(c.AccessKeys, bystander.AccessKeys...),
		Outbox:     []kms.EventRow{first.Events[0], second.Events[0], c.Events[0], c.Events[1]},
	}
	want.Generations = append(append(want.Generations, want.Records[0].Generations...), second.Generations...)
	s.equal("contents", s.contents(), want)
}
