package ops_test

import (
	"strconv"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// A service that makes a grant for each disk, as AWS's own do, has thousands on one key.
func TestANewGrantDoesNotCostTheTokenAllThatThereAre(t *testing.T) {
	b := newBench(t)
	key, bob := b.newKey(), b.user("bob")
	const grants = 100
	for i := range grants {
		b.grant(key, bob.ARN, "Encrypt", equals("disk="+strconv.Itoa(i)))
	}
	for _, state := range []string{"cold", "warm"} {
		before := b.device.Calls(kmstest.MethodMAC)
		b.grant(key, bob.ARN, "Encrypt", equals("disk="+state))
		if !b.may(t, bob, key, "disk="+state) || !b.may(t, bob, key, "disk=7") {
			t.Error("bob may not encrypt")
		}
		calls := b.device.Calls(kmstest.MethodMAC) - before
		if cold := state == "cold"; cold && calls < grants || !cold && calls > 20 {
			t.Errorf("%s: the token authenticated %d times, with %d grants", state, calls, grants)
		}
	}
}

// A grant is remembered with its code: its text alone, put into the database by somebody without the code, is nothing.
func TestAKnownGrantWithoutItsCodeGivesNothing(t *testing.T) {
	b := newBench(t)
	key, bob := b.newKey(), b.user("bob")
	id := b.grant(key, bob.ARN, "Encrypt").GrantID
	if !b.may(t, bob, key, "") {
		t.Fatal("bob may not encrypt")
	}
	row, err := b.store.Grant(t.Context(), kms.KeyID(key), kms.GrantID(id))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.Apply(t.Context(), kms.Change{DropGrants: []kms.GrantRow{row}}); err != nil {
		t.Fatal(err)
	}
	row.MAC = make([]byte, len(row.MAC))
	if err := b.store.Apply(t.Context(), kms.Change{Grants: []kms.GrantRow{row}}); err != nil {
		t.Fatal(err)
	}
	b.grant(key, bob.ARN, "DescribeKey") // has bob's grants read again
	if b.may(t, bob, key, "") {
		t.Error("a grant with another code counts")
	}
}

// What was authentic is remembered, and not what stands in its place now.
func TestAGrantThatIsChangedOutsideAServiceThatKnowsItGivesNothing(t *testing.T) {
	b := newBench(t)
	key, bob := b.newKey(), b.user("bob")
	id := b.grant(key, bob.ARN, "Encrypt", equals("a=1")).GrantID
	if !b.may(t, bob, key, "a=1") || b.may(t, bob, key, "") {
		t.Fatal("the grant is not as it was made")
	}
	row, err := b.store.Grant(t.Context(), kms.KeyID(key), kms.GrantID(id))
	if err != nil {
		t.Fatal(err)
	}
	row.Constraint, row.Context = kms.Unconstrained, ""
	row.Rev++
	if err := b.store.Apply(t.Context(), kms.Change{Grants: []kms.GrantRow{row}}); err != nil {
		t.Fatal(err)
	}
	b.grant(key, bob.ARN, "DescribeKey") // has bob's grants read again
	if b.may(t, bob, key, "") || b.may(t, bob, key, "a=1") {
		t.Error("a grant that was changed outside counts")
	}
	mustAs[any](b, bob, "DescribeKey", &api.DescribeKeyInput{KeyID: &key})
}
