package kmstest

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

// storeFlaws are stores that break one rule each, and the case of the suite that must notice. As for devices, the suite
// runs against them in a child process.
var storeFlaws = []struct {
	name   string
	caught string
	wrap   func(s kms.Store) kms.Store
}{
	{"forgets expectations", "a change that fails at any member changes nothing/Expect 0 at 2",
		spoilsChanges(func(c *kms.Change) { c.Expect = nil })},
	{"ignores the key limit", "many changes at once do not exceed the key limit",
		spoilsChanges(func(c *kms.Change) { c.MaxKeys = 0 })},
	{"ignores the alias limit", "many changes at once do not exceed the alias limit",
		spoilsChanges(func(c *kms.Change) { c.MaxAliases = 0 })},
	{"drops the last octet of a MAC", "a key comes with all that belongs to it and nothing else",
		spoilsChanges(func(c *kms.Change) {
			for i, k := range c.Keys {
				c.Keys[i].MAC = k.MAC[:len(k.MAC)-1]
			}
		})},
	{"leaves births open", "a birth is open until it is closed or fulfilled",
		spoilsChanges(func(c *kms.Change) { c.Births = nil })},
	{"posts events backwards", "events leave in the order of their transactions",
		spoilsChanges(func(c *kms.Change) {
			for i, j := 0, len(c.Events)-1; i < j; i, j = i+1, j-1 {
				c.Events[i], c.Events[j] = c.Events[j], c.Events[i]
			}
		})},
	{"applies member by member", "a change that fails at any member changes nothing/a birth that is not open",
		func(s kms.Store) kms.Store { return appliesInParts{s} }},
	{"writes over any revision", "a row is replaced once for each revision",
		func(s kms.Store) kms.Store { return lastWins{s} }},
	{"reads a key in parts", "a key read during changes is of one revision",
		func(s kms.Store) kms.Store { return readsInParts{s} }},
	{"reports a cancelled change as failed", "the answer to a change that is cancelled half-way is true",
		func(s kms.Store) kms.Store { return givesUp{s} }},
	{"ignores its context", "a cancelled call changes nothing",
		func(s kms.Store) kms.Store { return neverCancelled{s} }},
	{"lists the page marker again", "keys are listed by account in ascending order and in pages",
		func(s kms.Store) kms.Store { return includesMarker{s} }},
	{"ignores the grant limit", "many changes at once do not exceed the grant limit",
		spoilsChanges(func(c *kms.Change) { c.MaxGrants = 0 })},
	{"counts grants that are dropped", "a change that fails at any member changes nothing",
		func(s kms.Store) kms.Store { return countsDropped{s} }},
	{"forgets a binding", "a principal comes with its policies and nothing else",
		spoilsChanges(func(c *kms.Change) {
			for i := range c.Principals {
				c.Principals[i].TrustBound = ""
			}
		})},
	{"keeps dropped session keys", "a change that fails at any member changes nothing/DropSessionKeys 0 at 2",
		spoilsChanges(func(c *kms.Change) { c.DropSessionKeys = nil })},
	{"drops the access keys of a principal with it", "a change that fails at any member changes nothing/a dropped principal that has an access key",
		func(s kms.Store) kms.Store { return cascades{s} }},
	{"finds names in their own case", "a principal is found by its name in any case",
		func(s kms.Store) kms.Store { return heedsCase{s} }},
	{"reads a principal in parts", "a principal read during changes is of one revision",
		func(s kms.Store) kms.Store { return readsPrincipalInParts{s} }},
	{"finds a grantee's sessions too", "grants are found by id, grantee and name",
		func(s kms.Store) kms.Store { return findsByPrefix{s} }},
	{"finds grants without a name", "grants are found by id, grantee and name",
		func(s kms.Store) kms.Store { return findsUnnamed{s} }},
	{"forgets the key of a page marker", "retirable grants are listed across keys in ascending order and in pages",
		func(s kms.Store) kms.Store { return forgetsMarkerKey{s} }},
	{"lists session keys oldest first", "credentials are listed by principal, session keys by age",
		func(s kms.Store) kms.Store { return oldestFirst{s} }},
	{"drains everything", "events leave in the order of their transactions",
		func(s kms.Store) kms.Store { return drainsAll{s} }},
}

// storeFlawed gives a store the flaw of a name, if there is one.
func storeFlawed(s kms.Store, name string) kms.Store {
	for _, f := range storeFlaws {
		if f.name == name {
			return f.wrap(s)
		}
	}
	return s
}

const storeFlawVariable = "KMSTEST_STORE_FLAW"

// TestStoreKeepsTheContract is what TestStoreContractCatches runs in its children.
func TestStoreKeepsTheContract(t *testing.T) {
	TestStore(t, func(t *testing.T) kms.Store {
		s, err := sqlite.Create(t.Context(), sqlite.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return storeFlawed(s, os.Getenv(storeFlawVariable))
	})
}

func TestStoreContractCatches(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range storeFlaws {
		t.Run("a store that "+f.name, func(t *testing.T) {
			name := "TestStoreKeepsTheContract/" + strings.ReplaceAll(f.caught, " ", "_")
			child := exec.CommandContext(t.Context(), self, "-test.v", "-test.timeout=1m",
				"-test.run=^"+strings.ReplaceAll(name, "/", "$/^")+"$")
			child.Env = append(os.Environ(), storeFlawVariable+"="+f.name)
			out, err := child.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !strings.Contains(string(out), "--- FAIL: "+name+" (") || strings.Contains(string(out), "panic:") {
				t.Errorf("the suite ended with %v, want a failure of %q\n%s", err, name, out)
			}
		})
	}
}
