package kmstest

import (
	"strings"

	"github.com/keyhold/keyhold/kms"
)

// storeSpoilers break storeEverything elsewhere than in a revision. A nil want is any error.
var storeSpoilers = []struct {
	name  string
	spoil func(c *kms.Change)
	want  error
}{
	{"an expectation of nothing", func(c *kms.Change) { c.Expect[0] = kms.Expectation{} }, nil},
	{"an expectation of two rows", func(c *kms.Change) { c.Expect[0].Principal = storePrincipalID(4) }, nil},
	{"an expected grant of no key", func(c *kms.Change) { c.Expect[0] = kms.Expectation{Grant: storeGrantID(9)} }, nil},
	{"an expected grant of another key", func(c *kms.Change) { c.Expect[5].Key = storeKeyID(9) }, kms.ErrConflict},

	{"an account with too many keys", func(c *kms.Change) { c.Keys = append(c.Keys, storeKey(9, 1)) }, kms.ErrKeyLimit},

	{"a dropped tag that is not there", func(c *kms.Change) { c.DropTags[0].Key = "none" }, kms.ErrConflict},
	{"a dropped alias that is not there", func(c *kms.Change) { c.DropAliases[0].Name = "alias/none" }, kms.ErrConflict},
	{"a dropped alias of another account", func(c *kms.Change) { c.DropAliases[0].Account = storeOtherAccount }, kms.ErrConflict},
	{"a key with too many aliases", func(c *kms.Change) { c.Aliases[1].KeyID = storeKeyID(2) }, kms.ErrAliasLimit},

	{"a new principal of a name that is taken", func(c *kms.Change) { c.Principals[1].Name = storePrincipalName(4) }, kms.ErrConflict},
	{"a new principal of a name that is taken, in another case", func(c *kms.Change) {
		c.Principals[1].Name = strings.ToUpper(storePrincipalName(4))
	}, kms.ErrConflict},
	{"a principal renamed to a name that is taken", func(c *kms.Change) {
		c.Principals[0].Name = strings.ToLower(storePrincipalName(4))
	}, kms.ErrConflict},
	{"a policy of a principal that is not there", func(c *kms.Change) { c.PrincipalPolicies[1].Principal = storePrincipalID(9) }, kms.ErrConflict},
	{"an access key of a principal that is not there", func(c *kms.Change) { c.AccessKeys[1].Principal = storePrincipalID(9) }, kms.ErrConflict},
	{"an access key moved to a principal that is not there", func(c *kms.Change) { c.AccessKeys[0].Principal = storePrincipalID(9) }, kms.ErrConflict},
	{"a dropped policy that is not there", func(c *kms.Change) { c.DropPrincipalPolicies[0].Name = "none" }, kms.ErrConflict},
	{"a dropped policy of another principal", func(c *kms.Change) { c.DropPrincipalPolicies[0].Principal = storePrincipalID(9) }, kms.ErrConflict},
	{"a dropped access key that is not there", func(c *kms.Change) { c.DropAccessKeys[0].ID = "none" }, kms.ErrConflict},
	{"a dropped principal that has a policy", func(c *kms.Change) { c.DropPrincipalPolicies = c.DropPrincipalPolicies[1:] }, kms.ErrConflict},
	{"a dropped principal that has an access key", func(c *kms.Change) { c.DropAccessKeys = c.DropAccessKeys[1:] }, kms.ErrConflict},
	{"a dropped principal that is not there", func(c *kms.Change) { c.DropPrincipals[0].ID = "none" }, kms.ErrConflict},
	{"a deleted account that has a key", func(c *kms.Change) { c.Keys[1].Account = c.Accounts[2].ID }, kms.ErrConflict},
	{"a deleted account that has a principal", func(c *kms.Change) { c.Principals[1].Account = c.Accounts[2].ID }, kms.ErrConflict},
	{"a deleted account that was not there", func(c *kms.Change) { c.Accounts[2].ID = "none" }, kms.ErrConflict},
	{"a dropped session key that is not there", func(c *kms.Change) { c.DropSessionKeys[0].ID = "none" }, kms.ErrConflict},

	{"a grant of a key that is not there", func(c *kms.Change) { c.Grants[1].KeyID = storeKeyID(9) }, kms.ErrConflict},
	{"a key with too many grants", func(c *kms.Change) { c.Grants[1].KeyID, c.Grants[1].ID = storeKeyID(2), storeGrantID(9) }, kms.ErrGrantLimit},
	{"a key with one grant too many because none is dropped", func(c *kms.Change) { c.DropGrants = nil }, kms.ErrGrantLimit},
	{"a dropped grant that is not there", func(c *kms.Change) { c.DropGrants[0].ID = storeGrantID(9) }, kms.ErrConflict},
	{"a dropped grant of another key", func(c *kms.Change) { c.DropGrants[0].KeyID = storeKeyID(9) }, kms.ErrConflict},

	{"a birth that is not open", func(c *kms.Change) { c.Births[0] = storeObject(9, 9) }, kms.ErrConflict},
	{"a birth fulfilled twice", func(c *kms.Change) { c.Births = append(c.Births, c.Births[0]) }, kms.ErrConflict},
	{"an event twice", func(c *kms.Change) { c.Events[1] = c.Events[0] }, nil},
	{"an event that is in the outbox", func(c *kms.Change) { c.Events[1] = storeEvent("made 1") }, nil},
}
