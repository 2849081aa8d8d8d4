package ops_test

import (
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

func TestAGranteeMayDoWhatItsGrantSaysUntilItIsRevoked(t *testing.T) {
	b := newBench(t)
	key, bob := b.newKey(), b.user("bob")
	blob := b.encrypt(key, "attack at dawn", nil)
	decrypts := func() error {
		_, err := tryAs[any](b, bob, "Decrypt", &api.DecryptInput{CiphertextBlob: blob})
		return err
	}
	if b.may(t, bob, key, "") {
		t.Error("he may encrypt before there is a grant")
	}
	granted := b.grant(key, bob.ARN, "Encrypt DescribeKey")
	if !b.may(t, bob, key, "") {
		t.Error("he may not encrypt, from the moment that CreateGrant answered")
	}
	mustAs[any](b, bob, "DescribeKey", &api.DescribeKeyInput{KeyID: &key})
	refused(t, decrypts(), denied)
	_, err := tryAs[any](b, bob, "DisableKey", &api.DisableKeyInput{KeyID: &key})
	refused(t, err, denied)
	b.grant(key, bob.ARN, "Decrypt")
	if err := decrypts(); err != nil {
		t.Errorf("with a second grant: %v", err)
	}
	b.revoke(key, granted.GrantID)
	if b.may(t, bob, key, "") || decrypts() != nil {
		t.Error("revoking one grant did not end it, or ended the other")
	}
	_, err = try[any](b, "RevokeGrant", &api.RevokeGrantInput{KeyID: &key, GrantID: &granted.GrantID})
	refused(t, err, noSuchKey, "Grant ID "+granted.GrantID+" not found")
}

func TestWhomAGrantNames(t *testing.T) {
	b := newBench(t)
	other := b.account(otherAccount)
	bob, allowed := b.user("bob"), b.user("carol", allow("kms:Encrypt"))
	role := b.role("app", "")
	session, sibling := b.session(role, "blue"), b.session(role, "green")
	abroad, allowedAbroad := b.userOf(other, "bob"), b.userOf(other, "carol", allow("kms:Encrypt"))
	callers := []struct {
		name string
		kms.Caller
	}{
		{"bob", bob}, {"carol", allowed}, {"blue", session}, {"green", sibling},
		{"bob abroad", abroad}, {"carol abroad", allowedAbroad}, {"root abroad", b.rootOf(other)},
	}
	for grantee, want := range map[string]string{
		bob.ARN:                                 "bob",
		bob.PrincipalID:                         "bob",
		allowed.ARN:                             "carol",
		role.Arn:                                "blue green",
		role.PrincipalID:                        "blue green",
		session.ARN:                             "blue",
		session.PrincipalID:                     "blue",
		abroad.ARN:                              "bob abroad", // no policy of its own account is needed
		other:                                   "carol abroad, root abroad",
		b.rootOf(other).ARN:                     "carol abroad, root abroad",
		account:                                 "carol", // the key policy of the test leaves nothing to the account
		"arn:aws:iam::" + other + ":user/carol": "carol abroad",
	} {
		key := b.newKey()
		b.grant(key, grantee, "Encrypt")
		b.putKeyPolicy(key, keyPolicy(`{"Effect":"Allow","Principal":{"AWS":"ROOT"},"Action":["kms:PutKeyPolicy","kms:GetKeyPolicy"],"Resource":"*"}`))
		var may []string
		for _, c := range callers {
			if b.may(t, c.Caller, key, "") {
				may = append(may, c.name)
			}
		}
		if got := strings.Join(may, ", "); got != want && got != strings.ReplaceAll(want, " green", ", green") {
			t.Errorf("a grant to %s lets encrypt %q, want %q", grantee, got, want)
		}
	}
}

func TestADenialOutweighsAGrant(t *testing.T) {
	b := newBench(t)
	bob, eve := b.user("bob"), b.user("eve", deny("kms:Encrypt"))
	key := b.newKey()
	b.grant(key, bob.ARN, "Encrypt")
	b.grant(key, eve.ARN, "Encrypt")
	if b.may(t, eve, key, "") {
		t.Error("an identity policy denies it, and a grant allows it all the same")
	}
	b.putKeyPolicy(key, keyPolicy(everything, `{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}`))
	if b.may(t, bob, key, "") {
		t.Error("the key policy denies it, and a grant allows it all the same")
	}
}

func TestAUserMadeAnewUnderAnOldNameInheritsNoGrant(t *testing.T) {
	b := newBench(t)
	key, bob := b.newKey(), b.user("bob")
	id := b.grant(key, bob.ARN, "Encrypt", retiredBy(bob.ARN)).GrantID
	must[any](b, "DeletePrincipal", &api.DeletePrincipalInput{Principal: &bob.ARN})
	again := b.user("bob")
	if b.may(t, again, key, "") {
		t.Error("the new bob may use the old one's grant")
	}
	_, err := tryAs[any](b, again, "RetireGrant", &api.RetireGrantInput{KeyID: &key, GrantID: &id})
	refused(t, err, denied)
	entry := must[*api.ListGrantsOutput](b, "ListGrants", &api.ListGrantsInput{KeyID: &key}).Grants[0]
	if entry.GranteePrincipal != bob.PrincipalID || entry.RetiringPrincipal != bob.PrincipalID {
		t.Errorf("the list shows %s and %s, want the unique id %s", entry.GranteePrincipal, entry.RetiringPrincipal, bob.PrincipalID)
	}
	byID := must[*api.ListGrantsOutput](b, "ListGrants", &api.ListGrantsInput{KeyID: &key, GranteePrincipal: &bob.PrincipalID})
	byName := must[*api.ListGrantsOutput](b, "ListGrants", &api.ListGrantsInput{KeyID: &key, GranteePrincipal: &bob.ARN})
	if len(byID.Grants) != 1 || len(byName.Grants) != 0 {
		t.Errorf("by the old id %d grants, by the name %d", len(byID.Grants), len(byName.Grants))
	}
}

func TestAConstraintOnTheEncryptionContext(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		story    string
		edit     func(*api.CreateGrantInput)
		may, not []string
	}{
		{"none", func(*api.CreateGrantInput) {}, []string{"", "a=1", "a=1 b=2"}, nil},
		{"equals", equals("a=1 b=2"), []string{"a=1 b=2"}, []string{"", "a=1", "a=1 b=2 c=3", "a=1 b=3", "A=1 b=2", "a=1 b="}},
		{"equals nothing", equals(""), []string{""}, []string{"a=1"}},
		{"subset", subset("a=1 b=2"), []string{"a=1 b=2", "a=1 b=2 c=3"}, []string{"", "a=1", "a=1 b=3", "A=1 b=2", "a=1 b=2x"}},
		{"subset of one", subset("a=1"), []string{"a=1", "a=1 A=2"}, []string{"", "A=1", "b=1"}},
		{"subset nothing", subset(""), []string{"", "a=1"}, nil},
	} {
		t.Run(c.story, func(t *testing.T) {
			key, bob := b.newKey(), b.user("bob-"+strings.ReplaceAll(c.story, " ", "-"))
			b.grant(key, bob.ARN, "Encrypt DescribeKey RetireGrant", c.edit)
			for _, pairs := range c.may {
				if !b.may(t, bob, key, pairs) {
					t.Errorf("with %q it is denied", pairs)
				}
			}
			for _, pairs := range c.not {
				if b.may(t, bob, key, pairs) {
					t.Errorf("with %q it is allowed", pairs)
				}
			}
			mustAs[any](b, bob, "DescribeKey", &api.DescribeKeyInput{KeyID: &key}) // takes no context
			mustAs[any](b, bob, "RetireGrant", &api.RetireGrantInput{KeyID: &key, GrantID: &b.grants(key)[0]})
		})
	}
}

func TestEveryOperationOfAGrantIsBoundByItsConstraint(t *testing.T) {
	b := newBench(t)
	key, other, bob := b.newKey(), b.newKey(), b.user("bob")
	good, bad := contextOf("team=red"), contextOf("team=blue")
	b.grant(key, bob.ARN, "Encrypt Decrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncryptFrom", equals("team=red"))
	b.grant(other, bob.ARN, "ReEncryptTo", subset("team=red"))
	blobs := map[string][]byte{"red": b.encrypt(key, "x", good), "blue": b.encrypt(key, "x", bad)}
	for team, c := range map[string]api.EncryptionContext{"red": good, "blue": bad} {
		for operation, in := range map[string]kms.Input{
			"Encrypt":                         &api.EncryptInput{KeyID: &key, Plaintext: []byte("x"), EncryptionContext: c},
			"Decrypt":                         &api.DecryptInput{KeyID: &key, CiphertextBlob: blobs[team], EncryptionContext: c},
			"GenerateDataKey":                 &api.GenerateDataKeyInput{KeyID: &key, NumberOfBytes: new(int32(32)), EncryptionContext: c},
			"GenerateDataKeyWithoutPlaintext": &api.GenerateDataKeyWithoutPlaintextInput{KeyID: &key, NumberOfBytes: new(int32(32)), EncryptionContext: c},
			"ReEncrypt": &api.ReEncryptInput{SourceKeyID: &key, CiphertextBlob: blobs[team], SourceEncryptionContext: c,
				DestinationKeyID: &other, DestinationEncryptionContext: good},
		} {
			_, err := tryAs[any](b, bob, operation, in)
			if team == "blue" {
				refused(t, err, denied)
			} else if err != nil {
				t.Errorf("%s: %v", operation, err)
			}
		}
	}
	_, err := tryAs[any](b, bob, "ReEncrypt", &api.ReEncryptInput{SourceKeyID: &key, CiphertextBlob: blobs["red"],
		SourceEncryptionContext: good, DestinationKeyID: &other, DestinationEncryptionContext: bad})
	refused(t, err, denied)
}
