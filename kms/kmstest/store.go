package kmstest

import (
	"testing"

	"github.com/keyhold/keyhold/kms"
)

// TestStore is the contract of kms.Store. Open gives each case a fresh and empty store and closes it when the case is
// over. It takes a few seconds on a disk that syncs.
func TestStore(t *testing.T, open func(t *testing.T) kms.Store) {
	for _, c := range storeContract {
		t.Run(c.name, func(t *testing.T) { c.test(shelf{t, open(t)}) })
	}
}

// TestDurableStore is the part of the contract about what is left after Close. Reopen, called after the store has been
// closed, opens what it left.
func TestDurableStore(t *testing.T, open func(t *testing.T) (store kms.Store, reopen func() kms.Store)) {
	for _, c := range durableContract {
		t.Run(c.name, func(t *testing.T) {
			store, reopen := open(t)
			c.test(shelf{t, store}, reopen)
		})
	}
}

var storeContract = []struct {
	name string
	test func(s shelf)
}{
	{"an empty store has nothing", testStoreEmpty},
	{"the meta row is the one written last", testStoreMeta},
	{"a key comes with all that belongs to it and nothing else", testStoreRecord},
	{"a key without a policy has a zero one", testStoreNoPolicy},
	{"rows of any content come back as they were", testStoreRandomRows},
	{"a principal comes with its policies and nothing else", testStorePrincipalRecord},
	{"a principal is found by its name in any case", testStorePrincipalNames},
	{"a name that is given up may be taken", testStorePrincipalRenamed},
	{"identities of any content come back as they were", testStoreRandomIdentities},
	{"grants are found by id, grantee and name", testStoreGrantLookups},

	{"keys are listed by account in ascending order and in pages", testStoreKeyPages},
	{"aliases are listed by account in ascending order and in pages", testStoreAliasPages},
	{"the aliases of one key are listed in ascending order and in pages", testStoreAliasesOfKey},
	{"generations are listed by key and number", testStoreGenerations},
	{"accounts are listed in ascending order and in pages", testStoreAccountPages},
	{"principals are listed by account in ascending order and in pages", testStorePrincipalPages},
	{"credentials are listed by principal, session keys by age", testStoreCredentialLists},
	{"grants are listed by key in ascending order and in pages", testStoreGrantPages},
	{"retirable grants are listed across keys in ascending order and in pages", testStoreRetirablePages},

	{"a change that fails at any member changes nothing", testStoreAllOrNothing},
	{"a change without members is made", testStoreEmptyChange},
	{"a row is replaced once for each revision", testStoreRevisions},
	{"an account has as many keys as allowed", testStoreKeyLimit},
	{"a key has as many aliases as allowed", testStoreAliasLimit},
	{"a key has as many grants as allowed", testStoreGrantLimit},
	{"random changes leave what they should", testStoreRandomGrants},

	{"a birth is open until it is closed or fulfilled", testStoreBirths},
	{"events leave in the order of their transactions", testStoreOutbox},

	{"one of many changes to a revision wins", testStoreRaceRevisions},
	{"one of many inserts of a key wins", testStoreRaceInsert},
	{"many changes at once do not exceed the key limit", testStoreRaceKeys},
	{"many changes at once do not exceed the alias limit", testStoreRaceAliases},
	{"many changes at once do not exceed the grant limit", testStoreRaceGrants},
	{"one of many principals of a name wins", testStoreRaceNames},
	{"credentials do not outlive their principal", testStoreRaceDrop},
	{"one of many births of an object wins, and is fulfilled once", testStoreRaceBirths},
	{"a key read during changes is of one revision", testStoreConsistentReads},
	{"a principal read during changes is of one revision", testStoreConsistentPrincipals},

	{"a cancelled call changes nothing", testStoreCancelled},
	{"the answer to a change that is cancelled half-way is true", testStoreCancelledHalfWay},
}

var durableContract = []struct {
	name string
	test func(s shelf, reopen func() kms.Store)
}{
	{"what was acknowledged is there after reopening", testDurableRows},
	{"what was refused is not there after reopening", testDurableRefusal},
	{"revisions and the outbox go on after reopening", testDurableGoesOn},
	{"a closed store answers with errors", testDurableClosed},
}
