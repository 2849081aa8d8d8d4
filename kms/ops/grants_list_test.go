package ops_test

import (
	"slices"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

func TestGrantsAreListedByGranteeAndById(t *testing.T) {
	b := newBench(t)
	key, other, bob, role := b.newKey(), b.newKey(), b.user("bob"), b.role("app", "")
	toBob := []string{b.grant(key, bob.ARN, "Encrypt").GrantID, b.grant(key, bob.PrincipalID, "Decrypt").GrantID}
	slices.Sort(toBob)
	toAccount := b.grant(key, b.root().ARN, "Encrypt").GrantID
	toRole := b.grant(key, role.Arn, "Encrypt").GrantID
	b.grant(other, bob.ARN, "Encrypt")
	list := func(in *api.ListGrantsInput) []string {
		in.KeyID = &key
		return texts(must[*api.ListGrantsOutput](b, "ListGrants", in).Grants, func(e api.GrantListEntry) string { return e.GrantID })
	}
	for story, c := range map[string]struct {
		in   *api.ListGrantsInput
		want []string
	}{
		"a user":                    {&api.ListGrantsInput{GranteePrincipal: &bob.ARN}, toBob},
		"a user by its unique id":   {&api.ListGrantsInput{GranteePrincipal: &bob.PrincipalID}, toBob},
		"an account":                {&api.ListGrantsInput{GranteePrincipal: new(account)}, []string{toAccount}},
		"an account by its root":    {&api.ListGrantsInput{GranteePrincipal: new(b.rootOf(account).ARN)}, []string{toAccount}},
		"a session of a role":       {&api.ListGrantsInput{GranteePrincipal: new(b.session(role, "blue").ARN)}, []string{}},
		"nobody":                    {&api.ListGrantsInput{GranteePrincipal: new(nobody)}, []string{}},
		"one grant":                 {&api.ListGrantsInput{GrantID: &toRole}, []string{toRole}},
		"one grant, to its grantee": {&api.ListGrantsInput{GrantID: &toRole, GranteePrincipal: &role.Arn}, []string{toRole}},
		"one grant, to another":     {&api.ListGrantsInput{GrantID: &toRole, GranteePrincipal: &bob.ARN}, []string{}},
		"no grant":                  {&api.ListGrantsInput{GrantID: &noGrant}, []string{}},
	} {
		if got := list(c.in); !slices.Equal(got, c.want) {
			t.Errorf("those of %s are %q, want %q", story, got, c.want)
		}
	}
}

func TestAPrincipalsRetirableGrantsAreListedForItsAccountOnly(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	abroad := b.rootOf(otherAccount)
	key := b.newKey()
	theirs := mustAs[*api.CreateKeyOutput](b, abroad, "CreateKey", &api.CreateKeyInput{}).KeyMetadata
	bob := b.user("bob", allowOn("arn:aws:iam::"+account+":user/bob", "kms:ListRetirableGrants"))
	want := []string{b.grant(key, account, "Encrypt", retiredBy(bob.ARN)).GrantID,
		mustAs[*api.CreateGrantOutput](b, abroad, "CreateGrant", grantTo(theirs.KeyID, otherAccount, "Encrypt", retiredBy(bob.ARN))).GrantID}
	slices.Sort(want)
	b.grant(key, bob.ARN, "Encrypt RetireGrant") // which he may retire as the grantee
	list := func(caller kms.Caller, principal string) (*api.ListRetirableGrantsOutput, error) {
		return tryAs[*api.ListRetirableGrantsOutput](b, caller, "ListRetirableGrants", &api.ListRetirableGrantsInput{RetiringPrincipal: &principal})
	}
	out, err := list(bob, bob.ARN)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, e := range out.Grants {
		keys = append(keys, e.KeyID)
	}
	if got := texts(out.Grants, func(e api.GrantListEntry) string { return e.GrantID }); !slices.Equal(got, want) ||
		!slices.Contains(keys, theirs.Arn) || !slices.Contains(keys, keyARN(key)) {
		t.Errorf("the list is %q of keys %q, want %q", got, keys, want)
	}
	_, err = list(bob, b.root().ARN)
	refused(t, err, denied)
	for _, principal := range []string{bob.ARN, account} {
		_, err = list(abroad, principal)
		refused(t, err, denied)
	}
	_, err = list(abroad, bob.PrincipalID)
	refused(t, err, invalidArn, "ARN does not refer to a valid principal: "+bob.PrincipalID)
}
