package ops_test

import (
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

func TestWhoMayRetireAGrant(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	b.account("777788889999")
	retires := allow("kms:RetireGrant")
	grantee, other := b.user("grantee"), b.user("other")
	delegate, refuser := b.user("delegate", retires), b.user("refuser", deny("kms:RetireGrant"))
	abroad, abroadDelegate := b.userOf(otherAccount, "abroad"), b.userOf(otherAccount, "delegate", retires)
	thirdDelegate := b.userOf("777788889999", "delegate", retires)
	callers := map[string]kms.Caller{
		"the grantee": grantee, "another user": other, "a user who may retire": delegate, "a user who must not": refuser, "the root": b.root(),
		"a user abroad": abroad, "a user abroad who may retire": abroadDelegate, "the root abroad": b.rootOf(otherAccount),
		"a user elsewhere who may retire": thirdDelegate, "the root elsewhere": b.rootOf("777788889999"),
	}
	// Issued by the directory's own account, unless they say otherwise.
	for _, c := range []struct {
		story string
		in    func(key string) *api.CreateGrantInput
		may   []string // beside the root, and the user who may retire, of the account that issued it
	}{
		{"with neither", func(key string) *api.CreateGrantInput { return grantTo(key, grantee.ARN, "Encrypt") }, nil},
		{"of which the grantee has RetireGrant", func(key string) *api.CreateGrantInput { return grantTo(key, grantee.ARN, "Encrypt RetireGrant") }, []string{"the grantee"}},
		{"with a retiring principal", func(key string) *api.CreateGrantInput {
			return grantTo(key, grantee.ARN, "Encrypt", retiredBy(other.ARN))
		}, []string{"another user"}},
		{"whose retiring principal must not", func(key string) *api.CreateGrantInput {
			return grantTo(key, grantee.ARN, "Encrypt", retiredBy(refuser.ARN))
		}, nil},
		{"whose retiring principal is abroad", func(key string) *api.CreateGrantInput {
			return grantTo(key, grantee.ARN, "Encrypt", retiredBy(abroad.ARN))
		}, []string{"a user abroad"}},
		{"whose retiring principal is an account abroad", func(key string) *api.CreateGrantInput {
			return grantTo(key, grantee.ARN, "Encrypt", retiredBy(otherAccount))
		}, []string{"the root abroad", "a user abroad who may retire"}},
		{"whose grantee is an account abroad", func(key string) *api.CreateGrantInput { return grantTo(key, otherAccount, "Encrypt RetireGrant") },
			[]string{"the root abroad", "a user abroad who may retire"}},
		{"with a constraint that no request meets", func(key string) *api.CreateGrantInput {
			return grantTo(key, grantee.ARN, "Encrypt RetireGrant", equals("a=1"))
		}, []string{"the grantee"}},
	} {
		want := map[string]bool{"the root": true, "a user who may retire": true}
		for _, name := range c.may {
			want[name] = true
		}
		for name, caller := range callers {
			key := b.newKey()
			made := must[*api.CreateGrantOutput](b, "CreateGrant", c.in(key))
			for way, in := range map[string]*api.RetireGrantInput{
				"by id": {KeyID: new(keyARN(key)), GrantID: &made.GrantID}, "by token": {GrantToken: &made.GrantToken},
			} {
				in.DryRun = new(true)
				_, err := tryAs[any](b, caller, "RetireGrant", in)
				if got, _ := errorOf(err); (got == "DryRunOperationException") != want[name] {
					t.Errorf("a grant %s: %s asks to retire it %s and gets %v", c.story, name, way, err)
				}
			}
		}
	}
}

func TestTheAccountThatIssuedAGrantMayRetireItAndTheKeysOwnMayRevokeIt(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	key, abroad := b.newKey(), b.rootOf(otherAccount)
	b.putKeyPolicy(key, keyPolicy(everything, `{"Effect":"Allow","Principal":{"AWS":"`+otherAccount+`"},"Action":["kms:CreateGrant","kms:ListGrants","kms:RevokeGrant","kms:GetKeyRotationStatus"],"Resource":"*"}`))
	issue := func() *api.CreateGrantOutput {
		return mustAs[*api.CreateGrantOutput](b, abroad, "CreateGrant", grantTo(keyARN(key), otherAccount, "Encrypt"))
	}
	first, second, third := issue(), issue(), issue()
	entry := mustAs[*api.ListGrantsOutput](b, abroad, "ListGrants", &api.ListGrantsInput{KeyID: new(keyARN(key))}).Grants[0]
	if entry.IssuingAccount != abroad.ARN || entry.KeyID != keyARN(key) {
		t.Errorf("the grant is issued by %s, on key %s", entry.IssuingAccount, entry.KeyID)
	}
	mustAs[any](b, abroad, "GetKeyRotationStatus", &api.GetKeyRotationStatusInput{KeyID: new(keyARN(key))})
	_, err := try[any](b, "RetireGrant", &api.RetireGrantInput{GrantToken: &first.GrantToken})
	refused(t, err, denied) // of the key's account, which neither issued nor retires it
	mustAs[any](b, abroad, "RetireGrant", &api.RetireGrantInput{GrantToken: &first.GrantToken})
	mustAs[any](b, abroad, "RevokeGrant", &api.RevokeGrantInput{KeyID: new(keyARN(key)), GrantID: &second.GrantID})
	b.revoke(key, third.GrantID)
	if left := b.grants(key); len(left) != 0 {
		t.Errorf("%d grants are left", len(left))
	}
	_, err = tryAs[any](b, abroad, "GetKeyPolicy", &api.GetKeyPolicyInput{KeyID: new(keyARN(key))})
	refused(t, err, denied)
}

// Who may not know of a key does not learn of its grants either.
func TestAGrantOfAForeignKeyIsNotToldFromNone(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	key, abroad := b.newKey(), b.rootOf(otherAccount)
	made := b.grant(key, account, "Encrypt")
	answer := func(in *api.RetireGrantInput) string {
		_, err := tryAs[any](b, abroad, "RetireGrant", in)
		name, text := errorOf(err)
		return name + text
	}
	there := answer(&api.RetireGrantInput{KeyID: new(keyARN(key)), GrantID: &made.GrantID})
	if there != answer(&api.RetireGrantInput{KeyID: new(keyARN(key)), GrantID: &noGrant}) {
		t.Error("a grant that is there and one that is not are told apart")
	}
	_, err := tryAs[any](b, abroad, "RetireGrant", &api.RetireGrantInput{KeyID: new(keyARN(unknownID)), GrantID: &noGrant})
	refused(t, err, denied)
	byToken := answer(&api.RetireGrantInput{GrantToken: &made.GrantToken})
	b.revoke(key, made.GrantID)
	if byToken != answer(&api.RetireGrantInput{GrantToken: &made.GrantToken}) {
		t.Error("by its token, a grant that is there and one that was revoked are told apart")
	}
}

func TestOneGrantIsRetiredInOneWay(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	made := b.grant(key, account, "Encrypt")
	twice := "Specify either GrantToken, or KeyId together with GrantId."
	for _, in := range []*api.RetireGrantInput{
		{}, {GrantToken: &made.GrantToken, KeyID: &key, GrantID: &made.GrantID},
	} {
		_, err := try[any](b, "RetireGrant", in)
		refused(t, err, validation, twice)
	}
	_, err := try[any](b, "RetireGrant", &api.RetireGrantInput{GrantToken: &made.GrantToken, KeyID: &key})
	refused(t, err, validation)
	before := len(b.log.all())
	must[any](b, "RetireGrant", &api.RetireGrantInput{GrantToken: &made.GrantToken})
	record := b.log.all()[before]
	notes, _ := record["additionalEventData"].(map[string]any)
	if record["requestParameters"] != nil || notes["grantId"] != made.GrantID {
		t.Errorf("the record has parameters %v and notes %v", record["requestParameters"], notes)
	}
	_, err = try[any](b, "RetireGrant", &api.RetireGrantInput{GrantToken: &made.GrantToken})
	refused(t, err, noSuchKey, "Grant ID "+made.GrantID+" not found")
}
