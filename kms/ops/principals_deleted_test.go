package ops_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

func (b *bench) deletePrincipal(ref string) api.DeletePrincipalOutput {
	b.t.Helper()
	return *must[*api.DeletePrincipalOutput](b, "DeletePrincipal", &api.DeletePrincipalInput{Principal: &ref})
}

// keyFor makes a key whose policy lets a principal do what it says, besides the account's root.
func (b *bench) keyFor(principal string, actions ...string) string {
	b.t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"%sroot"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":%q},"Action":%s,"Resource":"*"}]}`, iamBase, principal, jsonList(actions))
	return must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{Policy: &policy}).KeyMetadata.KeyID
}

func TestADeletedPrincipalIsGoneWithAllThatItHad(t *testing.T) {
	b := newBench(t)
	alice, role := b.user("alice", allow("kms:ListKeys"), allow("kms:ListAliases")), b.role("night", "", allow("kms:ListKeys"))
	keys := []string{b.accessKey(alice), b.accessKey(alice)}
	session := b.session(role, "me")
	withKey := alice
	withKey.AccessKeyID = kms.AccessKeyID(keys[0])
	for _, caller := range []kms.Caller{alice, withKey, session} {
		if err := b.knows(caller); err != nil {
			t.Fatal(err)
		}
	}
	if out := b.deletePrincipal("user/alice"); out.Arn != alice.ARN || out.PrincipalID != alice.PrincipalID {
		t.Errorf("deleted is %+v", out)
	}
	b.deletePrincipal("role/night")
	for _, caller := range []kms.Caller{alice, withKey, session} {
		refused(t, b.knows(caller), unrecognized)
	}
	for _, id := range keys {
		if _, err := b.store.AccessKey(t.Context(), kms.AccessKeyID(id)); !errors.Is(err, kms.ErrNotFound) {
			t.Errorf("the access key %s is still there: %v", id, err)
		}
	}
	if list, err := b.store.Principals(t.Context(), account, "", 10); err != nil || len(list) != 0 {
		t.Errorf("there still are %v, %v", list, err)
	}
	for _, ref := range []string{"user/alice", alice.ARN, alice.PrincipalID, role.Arn} {
		_, err := try[any](b, "DescribePrincipal", &api.DescribePrincipalInput{Principal: &ref})
		refused(t, err, noSuchKey, "Principal '"+ref+"' does not exist")
	}
	b.reopen()
	refused(t, b.knows(alice), unrecognized)
}

// accessKey makes credentials for a user.
func (b *bench) accessKey(user kms.Caller) string {
	b.t.Helper()
	return must[*api.CreateAccessKeyOutput](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &user.ARN}).AccessKeyID
}

func TestAUserMadeAgainInheritsNothing(t *testing.T) {
	b := newBench(t)
	alice := b.user("alice", allow("kms:ListKeys"))
	byPolicy, byGrant := b.keyFor(alice.ARN, "kms:DescribeKey"), b.newKey()
	must[any](b, "CreateGrant", grantTo(byGrant, alice.ARN, "DescribeKey"))
	reads := func(caller kms.Caller, key string) error {
		_, err := tryAs[any](b, caller, "DescribeKey", &api.DescribeKeyInput{KeyID: &key})
		return err
	}
	for _, key := range []string{byPolicy, byGrant} {
		if err := reads(alice, key); err != nil {
			t.Fatalf("before: %v", err)
		}
	}
	b.deletePrincipal(alice.ARN)
	again := b.user("alice")
	if again.ARN != alice.ARN || again.PrincipalID == alice.PrincipalID {
		t.Fatalf("alice is %s, and was %s", again.PrincipalID, alice.PrincipalID)
	}
	stories := func(when string) {
		for why, err := range map[string]error{"key policy": reads(again, byPolicy), "grant": reads(again, byGrant), "identity policy": b.knows(again)} {
			if name, text := errorOf(err); name != denied {
				t.Errorf("%s: the new alice inherits the %s: %s %s", when, why, name, text)
			}
		}
		refused(t, b.knows(alice), unrecognized)
	}
	stories("at once")
	b.reopen()
	stories("after a restart")

	// A key policy that names her anew means the new one.
	named := b.keyFor(again.ARN, "kms:DescribeKey")
	if err := reads(again, named); err != nil {
		t.Errorf("a new policy does not mean the new alice: %v", err)
	}
}

func TestARoleMadeAgainInheritsNothingAndTrustsNobodyAnew(t *testing.T) {
	b := newBench(t)
	role := b.role("night", "", allow("kms:ListKeys"))
	key := b.keyFor(role.Arn, "kms:DescribeKey")
	session := b.session(role, "me")
	mustAs[any](b, session, "DescribeKey", &api.DescribeKeyInput{KeyID: &key})
	b.deletePrincipal(role.Arn)
	again := b.role("night", "")
	newSession := b.session(again, "me")
	_, err := tryAs[any](b, newSession, "DescribeKey", &api.DescribeKeyInput{KeyID: &key})
	refused(t, err, denied)
	refused(t, b.knows(newSession), denied)
	refused(t, b.knows(session), unrecognized)

	// Whom a trust policy names and who is deleted stands there by the unique id, and who comes in the name's place cannot
	// assume the role.
	alice := b.user("alice")
	trusting := b.role("trusting", fmt.Sprintf(assumedByAccount, alice.ARN))
	assume := func(caller kms.Caller) error {
		_, err := tryAs[any](b, caller, "AssumeRole", &api.AssumeRoleInput{RoleArn: &trusting.Arn, RoleSessionName: new("me")})
		return err
	}
	if err := assume(alice); err != nil {
		t.Fatalf("alice is trusted: %v", err)
	}
	b.deletePrincipal(alice.ARN)
	if err := assume(b.user("alice")); err == nil {
		t.Error("the new alice is trusted in place of the old one")
	}
	if got, want := b.person(trusting.Arn).TrustPolicy, fmt.Sprintf(assumedByAccount, alice.PrincipalID); got != want {
		t.Errorf("the trust policy shows %s, want %s", got, want)
	}
}
