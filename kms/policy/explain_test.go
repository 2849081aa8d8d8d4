package policy_test

import (
	"reflect"
	"testing"

	"github.com/keyhold/keyhold/kms/policy"
)

func TestExplainTellsEverythingThatMatched(t *testing.T) {
	q := policy.Question{
		Owner: home,
		ResourcePolicy: parse(t, policy.KeyPolicy, doc(
			`"Sid":"Account","Effect":"Allow","Principal":{"AWS":"@home"},"Action":"kms:*","Resource":"*"`,
			`"Effect":"Deny","Principal":{"AWS":"@bob"},"Action":"kms:Sign","Resource":"@key2","Condition":{"BoolIfExists":{"k:b":true},"StringLike":{"k:a":["x*","y"]}}`,
		)).Bind(ids),
		Identity: []policy.Named{{Name: "use", Policy: parse(t, policy.IdentityPolicy, doc(
			`"Effect":"Allow","NotAction":"kms:Decrypt","NotResource":"@key2","Condition":{"StringEquals":{"k:e":"z"}}`))}, {Name: "gone"}},
		Grants: []policy.Grant{
			{ID: "g1", Operations: []string{"Encrypt"}, Equals: map[string]string{"b": "2", "a": "1"}},
			{ID: "g2", Operations: []string{"Decrypt"}, Subset: map[string]string{"a": "2"}, ForAccount: true},
		},
		EncryptionContext: map[string]string{"a": "1", "b": "2"},
	}
	q.Principal, q.Action, q.Resource = people["alice"], "kms:Encrypt", key
	q.Context = testContext{keyOf("k:a"): {List: []string{"xyz"}, Present: true}, keyOf("k:e"): {Ambiguous: true}}
	enc := []string{"a=1", "b=2"}
	want := []policy.Trace{
		{Source: "key policy", Statement: 1, Sid: "Account", Effect: policy.Allow, Principal: true, ForAccount: true, Action: true, Resource: true, Applies: true},
		{Source: "key policy", Statement: 2, Effect: policy.Deny, Conditions: []policy.ConditionTrace{
			{Operator: "BoolIfExists", Key: "k:b", Wanted: []string{"true"}, Matched: true},
			{Operator: "StringLike", Key: "k:a", Wanted: []string{"x*", "y"}, Found: []string{"xyz"}, Present: true, Matched: true},
		}},
		{Source: `identity policy "use"`, Policy: "use", Statement: 1, Effect: policy.Allow, Principal: true, Action: true, Resource: true, Conditions: []policy.ConditionTrace{
			{Operator: "StringEquals", Key: "k:e", Wanted: []string{"z"}, Ambiguous: true},
		}},
		{Source: "grant g1", GrantID: "g1", Effect: policy.Allow, Principal: true, Action: true, Resource: true, Applies: true, Conditions: []policy.ConditionTrace{
			{Operator: "EncryptionContextEquals", Key: "the encryption context", Wanted: enc, Found: enc, Present: true, Matched: true},
		}},
		{Source: "grant g2", GrantID: "g2", Effect: policy.Allow, Principal: true, ForAccount: true, Resource: true, Conditions: []policy.ConditionTrace{
			{Operator: "EncryptionContextSubset", Key: "the encryption context", Wanted: []string{"a=2"}, Found: enc, Present: true},
		}},
	}
	got := policy.Explain(q)
	if len(got) != len(want) {
		t.Fatalf("%d traces, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("trace %d is\n%+v, want\n%+v", i, got[i], want[i])
		}
	}
}

func TestExplainToNobody(t *testing.T) {
	q := policy.Question{Owner: home, ResourcePolicy: parse(t, policy.KeyPolicy, doc(`"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"`)),
		Grants: []policy.Grant{{ID: "g", Operations: []string{"Encrypt"}}}}
	q.Action, q.Resource = "kms:Encrypt", key
	for _, trace := range policy.Explain(q) {
		if trace.Principal || trace.Applies {
			t.Errorf("%+v", trace)
		}
	}
}
