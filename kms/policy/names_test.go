package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/policy"
)

func parse(t testing.TB, kind policy.Kind, document string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(kind, named(document))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const manyNames = `{"Statement":[
  {"Effect":"Allow","Principal":{"AWS":["@home","@bob","AIDAALICE","*","@one"],"Service":"logs.amazonaws.com"},"Action":"kms:*","Resource":"*"},
  {"Effect":"Deny","NotPrincipal":{"AWS":["@eve","@bob","arn:aws:iam::777788889999:root"]},"Action":"kms:*","Resource":"*"}]}`

func TestNamesOfADocument(t *testing.T) {
	p := parse(t, policy.KeyPolicy, manyNames)
	want := []string{"AIDAALICE", places["@bob"], places["@eve"], places["@one"]}
	if got := p.Principals(); !slices.Equal(got, want) {
		t.Errorf("principals are %q, want %q", got, want)
	}
	if got, want := p.Accounts(), []string{home, abroad, "777788889999"}; !slices.Equal(got, want) {
		t.Errorf("accounts are %q, want %q", got, want)
	}
	if got := parse(t, policy.IdentityPolicy, `{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`); got.Principals() != nil || got.Accounts() != nil {
		t.Errorf("an identity policy names %q and %q", got.Principals(), got.Accounts())
	}
}

func TestRenderChangesNothingButTheNames(t *testing.T) {
	document := named(`{"Version" : "2012-10-17",
  "Id":"\u0061 arn:aws:iam::111122223333:user/alice",
  "Statement":[ {"Sid":"arn:aws:iam::111122223333:user/alice","Resource":"*","Action":"kms:\u002a",
    "Principal": { "AWS" : [ "arn:aws:iam::111122223333:\u0075ser/alice" ,"@home","@bob","@alice"], "Service":"@alice" }, "Effect" : "Allow",
    "Condition":{"ArnEquals":{"aws:PrincipalArn":"@alice"}} } ]
}
`)
	p := parse(t, policy.KeyPolicy, document)
	rename := func(name string) string {
		if name == places["@alice"] {
			return `AIDA"\` + "\n€😀ÿ"
		}
		return name
	}
	want := strings.NewReplacer(
		`[ "arn:aws:iam::111122223333:\u0075ser/alice" ,`, `[ "AIDA\"\\\u000a\u20ac\ud83d\ude00ÿ" ,`,
		`user/staff/bob","arn:aws:iam::111122223333:user/alice"]`, `user/staff/bob","AIDA\"\\\u000a\u20ac\ud83d\ude00ÿ"]`,
	).Replace(document)
	for _, p := range []*policy.Policy{p, p.Bind(ids)} {
		if got := p.Render(rename); got != want {
			t.Errorf("rendered as\n%s\nwant\n%s", got, want)
		}
	}
}

func TestAPolicyIsBoundInACopy(t *testing.T) {
	unbound := parse(t, policy.KeyPolicy, doc(`"Effect":"Allow","Principal":{"AWS":"@alice"},"Action":"kms:*","Resource":"*"`))
	bound := unbound.Bind(ids)
	asks := func(p *policy.Policy) bool {
		q := policy.Question{Owner: home, ResourcePolicy: p}
		q.Principal, q.Action, q.Resource = people["alice"], "kms:Encrypt", key
		return policy.Decide(q).Allowed
	}
	if asks(unbound) || !asks(bound) || asks(bound.Bind(map[string]string{places["@alice"]: "AIDAALICE2"})) || asks(bound.Bind(nil)) {
		t.Error("binding changed the policy that it copied, or did not change the copy")
	}
	if asks(bound.Bind(map[string]string{places["@alice"]: ""})) {
		t.Error("an empty id is somebody's")
	}
}

// doc is a document of statements, each without its braces.
func doc(statements ...string) string {
	return named(`{"Version":"2012-10-17","Statement":[{` + strings.Join(statements, "},{") + `}]}`)
}

func TestTheZeroPolicyAllowsNothing(t *testing.T) {
	q := policy.Question{Owner: home, ResourcePolicy: &policy.Policy{}, Identity: []policy.Named{{Name: "p", Policy: &policy.Policy{}}, {Name: "q"}}}
	q.Principal, q.Action, q.Resource = people["root"], "kms:Encrypt", key
	if v := policy.Decide(q); v.Allowed || v.Basis != policy.LacksResource {
		t.Errorf("verdict %+v", v)
	}
	if v := policy.Decide(policy.Question{}); v.Allowed {
		t.Errorf("verdict %+v", v)
	}
}

// A policy in the wrong place must not allow anything there.
func TestAPolicyOfAnotherKindAllowsNothing(t *testing.T) {
	q := policy.Question{Owner: home}
	q.Principal, q.Action, q.Resource = people["alice"], "kms:Encrypt", key
	keyPolicy := parse(t, policy.KeyPolicy, doc(`"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"`))
	identity := parse(t, policy.IdentityPolicy, doc(`"Effect":"Allow","Action":"kms:*","Resource":"*"`))
	q.ResourcePolicy = identity
	if v := policy.Decide(q); v.Allowed {
		t.Errorf("an identity policy as key policy: %+v", v)
	}
	q.ResourcePolicy, q.Identity = nil, []policy.Named{{Name: "p", Policy: keyPolicy}}
	if v := policy.Decide(q); v.Allowed {
		t.Errorf("a key policy as identity policy: %+v", v)
	}
}

// A value that is no text could hold the octets that stand for wildcards in a compiled pattern.
func TestAVariableThatIsNoTextMatchesNothing(t *testing.T) {
	q := policy.Question{Owner: home}
	q.Identity = []policy.Named{{Name: "own", Policy: parse(t, policy.IdentityPolicy, doc(`"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:*:alias/${aws:username}"`))}}
	q.Principal, q.Action, q.Resource = people["alice"], "kms:CreateAlias", "arn:aws:kms:eu-central-1:111122223333:alias/alice"
	for name, want := range map[string]bool{"alice": true, "\xff": false, "\xfelice": false, "": false} {
		q.Context = testContext{keyOf("aws:username"): {List: []string{name}, Present: true}}
		if v := policy.Decide(q); v.Allowed != want {
			t.Errorf("username %q: %+v", name, v)
		}
	}
}

func TestLockOutCheck(t *testing.T) {
	allow := func(who, action string) string {
		return `"Effect":"Allow","Principal":{"AWS":"` + who + `"},"Action":"` + action + `","Resource":"*"`
	}
	tests := []struct {
		name     string
		document string
		who      string
		want     bool
	}{
		{"the default policy keeps root in", policy.Default("", home), "root", true},
		{"the default policy keeps users in, by their identity policies", policy.Default("", home), "alice", true},
		{"the default policy does not let strangers in", policy.Default("", home), "eve", false},
		{"nor nobody", policy.Default("", home), "nobody", false},
		{"a stranger is not let in even by name", doc(allow("@eve", "kms:*")), "eve", false},
		{"nor is a foreign root", doc(allow("@abroad", "kms:*")), "foreignroot", false},
		{"a caller named alone is in", doc(allow("@alice", "kms:PutKeyPolicy")), "alice", true},
		{"a session of a role named alone is in", doc(allow("@app", "kms:PutKeyPolicy")), "one", true},
		{"a caller whose name is another's is out", doc(allow("@ghost", "kms:PutKeyPolicy")), "ghost", false},
		{"a caller not named is out", doc(allow("@alice", "kms:PutKeyPolicy")), "root", false},
		{"use alone is not enough", doc(allow("@alice", "kms:Encrypt")), "alice", false},
		{"a denial locks out", doc(allow("@alice", "kms:*"), `"Effect":"Deny","Principal":"*","Action":"kms:Put*","Resource":"*"`), "alice", false},
		{"permission on another key is none", doc(`"Effect":"Allow","Principal":"*","Action":"*","Resource":"@key2"`), "alice", false},
		{"a condition that holds", doc(allow("@alice", "kms:*") + `,"Condition":{"StringEquals":{"k:a":"1"}}`), "alice", true},
		{"a condition that does not hold", doc(allow("@alice", "kms:*") + `,"Condition":{"StringEquals":{"k:a":"2"}}`), "alice", false},
		{"the policy of managed keys keeps everybody out", policy.ServiceDefault("", home), "root", false},
	}
	ctx := testContext{keyOf("k:a"): {List: []string{"1"}, Present: true}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := parse(t, policy.KeyPolicy, tt.document).Bind(ids)
			if got := p.AllowsUpdate(people[tt.who], key, ctx); got != tt.want {
				t.Errorf("AllowsUpdate is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestServiceDefaultIsForUseOnly(t *testing.T) {
	p := parse(t, policy.KeyPolicy, policy.ServiceDefault("aws-cn", home))
	for action, want := range map[string]bool{
		"kms:Encrypt": true, "kms:Decrypt": true, "kms:ReEncryptTo": true, "kms:GenerateDataKeyWithoutPlaintext": true,
		"kms:DescribeKey": true, "kms:GetKeyPolicy": true, "kms:ListGrants": true, "kms:CreateGrant": true, "kms:RevokeGrant": true,
		"kms:PutKeyPolicy": false, "kms:ScheduleKeyDeletion": false, "kms:DisableKey": false, "kms:TagResource": false, "kms:CreateAlias": false,
	} {
		q := policy.Question{Owner: home, ResourcePolicy: p}
		q.Principal, q.Action, q.Resource = people["root"], action, key
		if v := policy.Decide(q); v.Allowed != want {
			t.Errorf("%s: %+v", action, v)
		}
	}
}
