package ops_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

func TestOfPrincipalsOfOneNameMadeAtOnceOneIsMade(t *testing.T) {
	b := newBench(t)
	answers := atOnce(24, func(i int) error {
		in := &api.CreatePrincipalInput{Kind: new("user"), Name: new([]string{"alice", "Alice", "ALICE"}[i%3]), Path: new([]string{"/", "/team/"}[i%2])}
		_, err := try[any](b, "CreatePrincipal", in)
		return err
	})
	answered(t, answers, map[string]int{"": 1, alreadyExists: 23})
	if list := must[*api.ListPrincipalsOutput](b, "ListPrincipals", &api.ListPrincipalsInput{}).Principals; len(list) != 1 {
		t.Errorf("there are %+v", list)
	}
}

func TestOfAccountsOfOneIdMadeAtOnceOneIsMade(t *testing.T) {
	b := newBench(t)
	answered(t, atOnce(16, func(int) error {
		_, err := try[any](b, "CreateAccount", &api.CreateAccountInput{AccountID: new(otherAccount)})
		return err
	}), map[string]int{"": 1, alreadyExists: 15})
}

func TestPoliciesPutAtOnceAreAllThere(t *testing.T) {
	b := newBench(t)
	alice := b.user("alice")
	answered(t, atOnce(50, func(i int) error {
		_, err := try[any](b, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{
			Principal: &alice.ARN, PolicyName: new(fmt.Sprintf("p%02d", i)), Policy: new(allow("kms:ListKeys"))})
		return err
	}), map[string]int{"": 50})
	if names := b.policyNames(alice.ARN); len(names) != 50 {
		t.Errorf("there are %v", names)
	}
}

// An account that is being deleted never leaves a key or a principal behind.
func TestAnAccountIsNotDeletedWhileItGetsSomething(t *testing.T) {
	b := newBench(t)
	for round := range 20 {
		id := b.account(fmt.Sprintf("4444000000%02d", round))
		root := b.rootOf(id)
		var wg sync.WaitGroup
		var deleted, created error
		wg.Go(func() { _, deleted = try[any](b, "DeleteAccount", &api.DeleteAccountInput{AccountID: &id}) })
		wg.Go(func() {
			if round%2 == 0 {
				_, created = tryAs[any](b, root, "CreateKey", &api.CreateKeyInput{})
				return
			}
			_, created = tryAs[any](b, root, "CreatePrincipal", &api.CreatePrincipalInput{Kind: new("user"), Name: new("alice")})
		})
		wg.Wait()
		if (deleted == nil) == (created == nil) {
			t.Errorf("round %d: deleting says %v, creating says %v", round, deleted, created)
		}
		keys, err := b.store.Keys(t.Context(), kms.AccountID(id), "", 1)
		if err != nil || deleted == nil && len(keys) > 0 {
			t.Errorf("round %d: a deleted account has %v, %v", round, keys, err)
		}
	}
}

// A revocation holds from the moment that its call returns.
func TestNothingSucceedsForWhomNoPolicyAllowsItAnyMore(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	alice := b.user("alice", allow("kms:*"))
	for round := range 20 {
		b.putPolicy(b.root(), alice.ARN, "p1", allow("kms:*"))
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						_, _ = tryAs[any](b, alice, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")})
					}
				}
			})
		}
		must[any](b, "DeletePrincipalPolicy", &api.DeletePrincipalPolicyInput{Principal: &alice.ARN, PolicyName: new("p1")})
		if _, err := tryAs[any](b, alice, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}); err == nil {
			t.Errorf("round %d: alice encrypts without a policy", round)
		}
		close(stop)
		wg.Wait()
	}
}
