package ops_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

func TestAGrantIsListedAsItWasMade(t *testing.T) {
	b := newBench(t)
	key, bob, carol := b.newKey(), b.user("bob"), b.user("carol")
	made := b.grant(key, bob.ARN, "Encrypt DescribeKey Encrypt", retiredBy(carol.ARN), named("for-bob"), subset("a=1"))
	if len(made.GrantID) != 64 || strings.Trim(made.GrantID, "0123456789abcdef") != "" || made.GrantToken == "" {
		t.Errorf("it is %+v", made)
	}
	got := mustEncode(t, must[*api.ListGrantsOutput](b, "ListGrants", &api.ListGrantsInput{KeyID: &key}))
	want := fmt.Sprintf(`{"Grants":[{"KeyId":%q,"GrantId":%q,"Name":"for-bob","CreationDate":%d,"GranteePrincipal":%q,"RetiringPrincipal":%q,`+
		`"IssuingAccount":"arn:aws:iam::%s:root","Operations":["Encrypt","DescribeKey"],"Constraints":{"EncryptionContextSubset":{"a":"1"}}}],"Truncated":false}`,
		keyARN(key), made.GrantID, b.clock.Now().Unix(), bob.ARN, carol.ARN, account)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAGrantThatCannotBeIsRefusedAndLeavesNoTrace(t *testing.T) {
	b := newBench(t)
	key, bob := b.newKey(), b.user("bob")
	nine := "a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9"
	long := strings.Repeat("v", 385)
	principal := "ARN does not refer to a valid principal: "
	b.unchanged(t, func() {
		for _, c := range []struct {
			story, name, text string
			in                *api.CreateGrantInput
		}{
			{"no grantee", validation, "Specify exactly one of GranteePrincipal and GranteeServicePrincipal.",
				&api.CreateGrantInput{KeyID: &key, Operations: []keyspec.GrantOperation{"Encrypt"}}},
			{"no operations", validation, one + "Value null at 'operations' failed to satisfy constraint: Member must not be null",
				&api.CreateGrantInput{KeyID: &key, GranteePrincipal: &bob.ARN}},
			{"an empty list", validation, "Operations must have at least one member.", grantTo(key, bob.ARN, "")},
			{"CreateGrant alone, twice", validation, "Grants must not contain only the CreateGrant operation.", grantTo(key, bob.ARN, "CreateGrant CreateGrant")},
			{"an operation that there is not", validation, "", grantTo(key, bob.ARN, "ReEncrypt")},
			{"an operation of other keys", validation, "The operation Sign cannot be granted on a key with key spec SYMMETRIC_DEFAULT and key usage ENCRYPT_DECRYPT.",
				grantTo(key, bob.ARN, "Encrypt Sign")},
			{"nine pairs", validation, one + "Value at 'constraints.encryptionContextSubset' failed to satisfy constraint: Member must have length less than or equal to 8",
				grantTo(key, bob.ARN, "Encrypt", subset(nine))},
			{"a long value", validation, one + "Value at 'constraints.encryptionContextEquals' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 384]",
				grantTo(key, bob.ARN, "Encrypt", equals("a="+long))},
			{"two constraints, one of them empty", validation, "More than one constraint supplied", grantTo(key, bob.ARN, "Encrypt", equals("a=1"),
				func(in *api.CreateGrantInput) { in.Constraints.EncryptionContextSubset = api.EncryptionContext{} })},
			{"a source", unsupported, "Constraints.SourceArn is not supported by this server, which no AWS service calls. Leave it out.",
				grantTo(key, bob.ARN, "Encrypt", equals("a=1"), func(in *api.CreateGrantInput) {
					in.Constraints.SourceArn = new("arn:aws:s3:eu-central-1:111122223333:bucket/x")
				})},
			{"a blank in the name", validation, one + "Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$",
				grantTo(key, bob.ARN, "Encrypt", named("a b"))},
			{"a group", invalidArn, principal + "arn:aws:iam::" + account + ":group/all", grantTo(key, "arn:aws:iam::"+account+":group/all", "Encrypt")},
			{"a service", invalidArn, principal + "s3.amazonaws.com", grantTo(key, "s3.amazonaws.com", "Encrypt")},
			{"everybody", validation, "", grantTo(key, "*", "Encrypt")},
			{"an account that there is not", invalidArn, principal + stranger, grantTo(key, stranger, "Encrypt")},
			{"a unique id of nobody", invalidArn, principal + "AIDAAAAAAAAAAAAAAAAAA", grantTo(key, "AIDAAAAAAAAAAAAAAAAAA", "Encrypt")},
			{"a session of a user", invalidArn, principal + bob.PrincipalID + ":x", grantTo(key, bob.PrincipalID+":x", "Encrypt")},
			{"a user by the wrong path", invalidArn, principal + "arn:aws:iam::" + account + ":user/x/bob", grantTo(key, "arn:aws:iam::"+account+":user/x/bob", "Encrypt")},
			{"nobody to retire it", invalidArn, principal + nobody, grantTo(key, bob.ARN, "Encrypt", retiredBy(nobody))},
			{"a dry run", "DryRunOperationException", wouldHave, grantTo(key, bob.ARN, "Encrypt", dry)},
			{"a dry run for nobody", invalidArn, principal + nobody, grantTo(key, nobody, "Encrypt", dry)},
		} {
			t.Run(c.story, func(t *testing.T) {
				_, err := try[any](b, "CreateGrant", c.in)
				if c.text == "" {
					refused(t, err, c.name)
					return
				}
				refused(t, err, c.name, c.text)
			})
		}
	})
	b.grant(key, bob.ARN, "Encrypt", subset(strings.TrimSuffix(nine, " i=9")))
	b.grant(key, bob.ARN, "Encrypt", equals("a="+long[1:]))
}

func dry(in *api.CreateGrantInput) { in.DryRun = new(true) }

func TestTheSameNameAndParametersAreTheSameGrant(t *testing.T) {
	b := newBench(t)
	key, bob, carol := b.newKey(), b.user("bob"), b.user("carol")
	in := func(edit ...func(*api.CreateGrantInput)) *api.CreateGrantInput {
		return grantTo(key, bob.ARN, "Encrypt Decrypt", append([]func(*api.CreateGrantInput){named("n"), retiredBy(carol.ARN), equals("a=1 b=2")}, edit...)...)
	}
	first := must[*api.CreateGrantOutput](b, "CreateGrant", in())
	for story, same := range map[string]*api.CreateGrantInput{
		"the same": in(),
		"operations in another order": in(func(in *api.CreateGrantInput) {
			in.Operations = []keyspec.GrantOperation{"Decrypt", "Encrypt", "Decrypt"}
		}),
		"the grantee by its unique id": in(func(in *api.CreateGrantInput) { in.GranteePrincipal = &bob.PrincipalID }),
		"the key by its ARN":           in(func(in *api.CreateGrantInput) { in.KeyID = new(keyARN(key)) }),
	} {
		again := must[*api.CreateGrantOutput](b, "CreateGrant", same)
		if again.GrantID != first.GrantID || again.GrantToken == first.GrantToken {
			t.Errorf("%s: the grant is another, or its token is not", story)
		}
	}
	if got := b.grants(key); len(got) != 1 {
		t.Errorf("there are %d grants", len(got))
	}
	others := map[string]bool{first.GrantID: true}
	for _, other := range []*api.CreateGrantInput{
		in(named("m")), in(retiredBy(bob.ARN)), in(equals("a=1")), in(subset("a=1 b=2")),
		in(func(in *api.CreateGrantInput) { in.Operations = in.Operations[:1] }),
		in(func(in *api.CreateGrantInput) { in.GranteePrincipal = &carol.ARN }),
		in(func(in *api.CreateGrantInput) { in.RetiringPrincipal = nil }),
		in(func(in *api.CreateGrantInput) { in.Constraints = nil }),
		in(func(in *api.CreateGrantInput) { in.Name = nil }), in(func(in *api.CreateGrantInput) { in.Name = nil }),
	} {
		others[must[*api.CreateGrantOutput](b, "CreateGrant", other).GrantID] = true
	}
	if len(others) != 11 || len(b.grants(key)) != 11 {
		t.Errorf("of 11 different grants %d are different, and %d are listed", len(others), len(b.grants(key)))
	}
	b.revoke(key, first.GrantID)
	if again := must[*api.CreateGrantOutput](b, "CreateGrant", in()); again.GrantID == first.GrantID {
		t.Error("the grant is the one that was revoked")
	}
}

func TestAKeyPolicyDecidesWhichGrantsMayBeMade(t *testing.T) {
	b := newBench(t)
	bob, alice := b.user("bob"), b.user("alice")
	for condition, want := range map[string]struct{ may, not *api.CreateGrantInput }{
		`{"ForAllValues:StringEquals":{"kms:GrantOperations":["Encrypt","DescribeKey"]}}`: {grantTo("", bob.ARN, "Encrypt"), grantTo("", bob.ARN, "Encrypt Decrypt")},
		`{"StringEquals":{"kms:GrantConstraintType":"EncryptionContextSubset"}}`:          {grantTo("", bob.ARN, "Encrypt", subset("a=1")), grantTo("", bob.ARN, "Encrypt", equals("a=1"))},
		`{"StringEquals":{"kms:GranteePrincipal":"` + bob.ARN + `"}}`:                     {grantTo("", bob.ARN, "Encrypt"), grantTo("", alice.ARN, "Encrypt")},
		`{"StringEquals":{"kms:RetiringPrincipal":"` + bob.ARN + `"}}`:                    {grantTo("", alice.ARN, "Encrypt", retiredBy(bob.ARN)), grantTo("", bob.ARN, "Encrypt")},
		`{"StringEquals":{"kms:EncryptionContext:team":"red"}}`:                           {grantTo("", bob.ARN, "Encrypt", subset("team=red")), grantTo("", bob.ARN, "Encrypt", subset("team=blue"))},
		`{"Bool":{"kms:GrantIsForAWSResource":"false"}}`:                                  {grantTo("", bob.ARN, "Encrypt"), nil},
		`{"Bool":{"kms:GrantIsForAWSResource":"true"}}`:                                   {nil, grantTo("", bob.ARN, "Encrypt")},
	} {
		key := b.newKey()
		b.putKeyPolicy(key, keyPolicy(everything, `{"Effect":"Allow","Principal":{"AWS":"`+alice.ARN+`"},"Action":"kms:CreateGrant","Resource":"*","Condition":`+condition+`}`))
		if want.may != nil {
			want.may.KeyID = &key
			mustAs[any](b, alice, "CreateGrant", want.may)
		}
		if want.not != nil {
			want.not.KeyID = &key
			_, err := tryAs[any](b, alice, "CreateGrant", want.not)
			refused(t, err, denied)
		}
	}
}
