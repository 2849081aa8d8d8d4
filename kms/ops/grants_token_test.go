package ops_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

func TestAGrantTokenIsGenuineOrRefused(t *testing.T) {
	b, elsewhere := newBench(t), newBench(t)
	key, otherKey := b.newKey(), elsewhere.newKey()
	bob := b.user("bob")
	made := b.grant(key, bob.ARN, "Encrypt")
	foreign := elsewhere.grant(otherKey, account, "Encrypt").GrantToken
	raw, err := base64.RawURLEncoding.DecodeString(made.GrantToken)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(caller kms.Caller, tokens ...string) error {
		_, err := tryAs[any](b, caller, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x"), GrantTokens: tokens})
		return err
	}
	for i := range raw {
		bent := bytes.Clone(raw)
		bent[i] ^= 1
		refused(t, ask(bob, base64.RawURLEncoding.EncodeToString(bent)), "InvalidGrantTokenException", "The grant token is not valid.")
		refused(t, ask(bob, base64.RawURLEncoding.EncodeToString(raw[:i])+"A"), "InvalidGrantTokenException")
	}
	for story, bad := range map[string]string{
		"of another directory": foreign, "with one character more": made.GrantToken + "A", "padded": made.GrantToken + "=",
		"in capitals": strings.ToUpper(made.GrantToken), "the grant's id": made.GrantID, "a word": "token",
	} {
		if err := ask(b.root(), bad); err == nil {
			t.Errorf("a token %s is accepted", story)
		} else {
			refused(t, err, "InvalidGrantTokenException")
		}
		_, err := try[any](b, "RetireGrant", &api.RetireGrantInput{GrantToken: &bad})
		refused(t, err, "InvalidGrantTokenException")
	}
	if err := ask(bob, made.GrantToken, made.GrantToken); err != nil {
		t.Errorf("the genuine token: %v", err)
	}
	refused(t, ask(bob, made.GrantToken, foreign), "InvalidGrantTokenException")
}

func TestAGrantTokenGivesNothingToOthersAndNothingWhenItsGrantIsGone(t *testing.T) {
	b := newBench(t)
	key, bob, eve := b.newKey(), b.user("bob"), b.user("eve")
	made := b.grant(key, bob.ARN, "Encrypt")
	in := &api.EncryptInput{KeyID: &key, Plaintext: []byte("x"), GrantTokens: []string{made.GrantToken}}
	_, err := tryAs[any](b, eve, "Encrypt", in)
	refused(t, err, denied)
	mustAs[any](b, bob, "Encrypt", in)
	b.revoke(key, made.GrantID)
	_, err = tryAs[any](b, bob, "Encrypt", in)
	refused(t, err, denied)
	must[any](b, "Encrypt", in) // a dead grant's token harms nobody
}

// The holder of the database file can rewrite a row, and not its authentication code.
func TestAGrantThatWasChangedOutsideGivesNothing(t *testing.T) {
	for story, edit := range map[string]func(r *kms.GrantRow, eve kms.Caller){
		"to another grantee":      func(r *kms.GrantRow, eve kms.Caller) { r.Grantee = eve.PrincipalID },
		"to more operations":      func(r *kms.GrantRow, _ kms.Caller) { r.Operations = "Encrypt,Decrypt" },
		"to no constraint":        func(r *kms.GrantRow, _ kms.Caller) { r.Constraint, r.Context = kms.Unconstrained, "" },
		"to a retiring principal": func(r *kms.GrantRow, eve kms.Caller) { r.Retiring = eve.PrincipalID },
		"by its code":             func(r *kms.GrantRow, _ kms.Caller) { r.MAC = bytes.Repeat([]byte{7}, 32) },
	} {
		t.Run(story, func(t *testing.T) {
			b := newBench(t)
			key, bob, eve := b.newKey(), b.user("bob"), b.user("eve")
			id := b.grant(key, bob.ARN, "Encrypt", named("n"), equals("a=1")).GrantID
			intact := b.grant(key, bob.ARN, "DescribeKey").GrantID
			row, err := b.store.Grant(t.Context(), kms.KeyID(key), kms.GrantID(id))
			if err != nil {
				t.Fatal(err)
			}
			edit(&row, eve)
			row.Rev++
			if err := b.store.Apply(t.Context(), kms.Change{Grants: []kms.GrantRow{row}}); err != nil {
				t.Fatal(err)
			}
			b.reopen()
			for _, caller := range []kms.Caller{bob, eve} {
				for _, pairs := range []string{"", "a=1"} {
					if b.may(t, caller, key, pairs) {
						t.Errorf("%s may encrypt with %q", caller.ARN, pairs)
					}
				}
			}
			if got := b.grants(key); len(got) != 1 || got[0] != intact {
				t.Errorf("the list has %q", got)
			}
			_, err = tryAs[any](b, eve, "RetireGrant", &api.RetireGrantInput{KeyID: &key, GrantID: &id})
			if err == nil {
				t.Error("eve retired it")
			}
			if again := b.grant(key, bob.ARN, "Encrypt", named("n"), equals("a=1")); again.GrantID == id {
				t.Error("the same request gives the grant that was changed")
			}
		})
	}
}
