package ops_test

import (
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

func TestWhoMakesGrantsByAGrantPassesOnNoMoreThanItHas(t *testing.T) {
	b := newBench(t)
	carol := b.user("carol")
	none := func(*api.CreateGrantInput) {}
	for i, c := range []struct {
		story      string
		parents    []func(key, bob string) *api.CreateGrantInput
		operations string
		child      func(*api.CreateGrantInput)
		may        bool
	}{
		{"some of its operations", only("CreateGrant Encrypt Decrypt", none), "Encrypt", none, true},
		{"all of its operations", only("CreateGrant Encrypt", none), "CreateGrant Encrypt", none, true},
		{"one that it has not", only("CreateGrant Encrypt", none), "Encrypt Decrypt", none, false},
		{"nothing without CreateGrant", only("Encrypt Decrypt", none), "Encrypt", none, false},
		{"a constraint where it has none", only("CreateGrant Encrypt", none), "Encrypt", equals("a=1"), true},
		{"no constraint where it has one", only("CreateGrant Encrypt", subset("a=1")), "Encrypt", none, false},
		{"the same subset", only("CreateGrant Encrypt", subset("a=1")), "Encrypt", subset("a=1"), true},
		{"a greater subset", only("CreateGrant Encrypt", subset("a=1")), "Encrypt", subset("a=1 b=2"), true},
		{"a smaller subset", only("CreateGrant Encrypt", subset("a=1 b=2")), "Encrypt", subset("a=1"), false},
		{"another subset", only("CreateGrant Encrypt", subset("a=1")), "Encrypt", subset("a=2"), false},
		{"equality that has the subset", only("CreateGrant Encrypt", subset("a=1")), "Encrypt", equals("a=1 b=2"), true},
		{"equality without the subset", only("CreateGrant Encrypt", subset("a=1")), "Encrypt", equals("b=2"), false},
		{"the same equality", only("CreateGrant Encrypt", equals("a=1")), "Encrypt", equals("a=1"), true},
		{"a subset under equality", only("CreateGrant Encrypt", equals("a=1")), "Encrypt", subset("a=1"), false},
		{"another equality", only("CreateGrant Encrypt", equals("a=1")), "Encrypt", equals("a=1 b=2"), false},
		{"what two parents have together and neither alone", append(only("CreateGrant Encrypt", none), only("CreateGrant Decrypt", none)...),
			"Encrypt Decrypt", none, false},
		{"what one parent has, whose constraint another has not", append(only("CreateGrant Encrypt", equals("a=1")), only("CreateGrant Decrypt", none)...),
			"Decrypt", none, true},
		{"what the constrained one of two parents has", append(only("CreateGrant Encrypt", equals("a=1")), only("CreateGrant Decrypt", none)...),
			"Encrypt", none, false},
	} {
		t.Run(c.story, func(t *testing.T) {
			key, bob := b.newKey(), b.user("bob-"+string(rune('a'+i)))
			for _, parent := range c.parents {
				must[any](b, "CreateGrant", parent(key, bob.ARN))
			}
			_, err := tryAs[*api.CreateGrantOutput](b, bob, "CreateGrant", grantTo(key, carol.ARN, c.operations, c.child))
			if c.may && err != nil {
				t.Error(err)
			}
			if !c.may {
				refused(t, err, denied)
			}
		})
	}
}

func only(operations string, edit func(*api.CreateGrantInput)) []func(key, bob string) *api.CreateGrantInput {
	return []func(key, bob string) *api.CreateGrantInput{
		func(key, bob string) *api.CreateGrantInput { return grantTo(key, bob, operations, edit) },
	}
}

func TestAChildOutlivesItsParent(t *testing.T) {
	b := newBench(t)
	key, bob, carol := b.newKey(), b.user("bob"), b.user("carol")
	parent := b.grant(key, bob.ARN, "CreateGrant Encrypt").GrantID
	child := mustAs[*api.CreateGrantOutput](b, bob, "CreateGrant", grantTo(key, carol.ARN, "CreateGrant Encrypt")).GrantID
	b.revoke(key, parent)
	if !b.may(t, carol, key, "") || b.may(t, bob, key, "") {
		t.Error("revoking the parent ended the child, or not the parent")
	}
	_, err := tryAs[any](b, bob, "CreateGrant", grantTo(key, bob.ARN, "Encrypt"))
	refused(t, err, denied)
	mustAs[any](b, carol, "CreateGrant", grantTo(key, bob.ARN, "Encrypt"))
	b.revoke(key, child)
	if b.may(t, carol, key, "") || !b.may(t, bob, key, "") {
		t.Error("revoking the child did not end it, or ended the grandchild")
	}
}
