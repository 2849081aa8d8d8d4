package policy_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/policy"
)

var kinds = []policy.Kind{policy.KeyPolicy, policy.IdentityPolicy, policy.TrustPolicy}

// fuzzSeeds are documents of each kind that between them have every element.
var fuzzSeeds = []string{
	policy.Default("aws", home),
	policy.ServiceDefault("aws-cn", home),
	`{"Statement":{"Sid":"\u0041","Effect":"Deny","Principal":"*","Action":["kms:E*","*"],"Resource":"arn:aws:kms:*:*:key/?*"}}`,
	`{"Version":"2008-10-17","Statement":[{"Effect":"Allow","NotPrincipal":{"AWS":["*","111122223333"],"Service":"x"},"NotAction":"kms:*","NotResource":"*"}]}`,
	`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["AIDA\u0041LICE","arn:aws:sts::111122223333:assumed-role/app/one"]},"Action":"kms:*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalTag/x":["${aws:username,'y'}*",5,true]},"ForAllValues:ArnLike":{"a:b":"arn:*:*:*:*:${a:c}"}}}]}`,
	`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:*:alias/${aws:username}","Condition":{"NumericLessThan":{"k:s":[1e5,"2"]},"DateLessThan":{"k:t":"2026-01-31"},"NotIpAddress":{"k:u":"::1/64"},"Null":{"k:v":true},"BinaryEquals":{"k:w":"AA=="}}}]}`,
	`{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333","Federated":["x"]},"Action":"sts:AssumeRole","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":false}}}}`,
	`{"Statement":[{"Condition":{"Bool":{"a:b":[1e5,true,null]}}}]}`,
}

func FuzzParse(f *testing.F) {
	for _, document := range fuzzSeeds {
		for kind := range kinds {
			f.Add(uint8(kind), document)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, document string) {
		p, err := policy.Parse(kinds[int(kind)%len(kinds)], document)
		if err != nil {
			checkRefusal(t, p, err, document)
			return
		}
		if !json.Valid([]byte(document)) || len(document) > policy.MaxBytes {
			t.Fatalf("accepted what is not JSON: %q", document)
		}
		checkNames(t, p, document)
	})
}

func checkRefusal(t *testing.T, p *policy.Policy, err error, document string) {
	t.Helper()
	var e *policy.Error
	if p != nil || !errors.As(err, &e) || e.Message == "" || e.Class < policy.ClassSyntax || e.Class > policy.ClassARN {
		t.Fatalf("refused with %v, %#v", p, err)
	}
	lines := strings.Split(document, "\n")
	if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len(lines[e.Line-1])+1 {
		t.Fatalf("refused at a place that does not exist: %v", e)
	}
}

// checkNames renders a document as it is, and with every principal renamed.
func checkNames(t *testing.T, p *policy.Policy, document string) {
	t.Helper()
	same := func(name string) string { return name }
	if again := p.Render(same); again != document {
		t.Fatalf("rendered as %q", again)
	}
	if again := p.Bind(nil).Render(same); again != document {
		t.Fatalf("rendered, when bound, as %q", again)
	}
	number := map[string]string{}
	for i, name := range p.Principals() {
		number[name] = "AIDA" + string(rune('A'+i%26)) + strings.Repeat("Z", i/26)
	}
	renamed := p.Render(func(name string) string { return number[name] })
	if len(renamed) > policy.MaxBytes {
		return
	}
	again, err := policy.Parse(p.Kind(), renamed)
	if err != nil {
		t.Fatalf("with other names: %v", err)
	}
	if want := slices.Sorted(maps.Values(number)); !slices.Equal(again.Principals(), want) {
		t.Fatalf("principals are %q, want %q", again.Principals(), want)
	}
}

// FuzzDecide asks both evaluators about arbitrary documents and contexts.
func FuzzDecide(f *testing.F) {
	for i, document := range fuzzSeeds {
		f.Add(uint8(i), document, fuzzSeeds[5], "kms:Encrypt", `{"k:s":"1","k:t":["2026-01-30"],"aws:username":"x","aws:PrincipalTag/x":"yz"}`)
	}
	f.Fuzz(func(t *testing.T, who uint8, resource, identity, action, context string) {
		q := slowQuestion{kind: kinds[int(who/16)%2*2], ids: ids, resource: resource}
		names := slices.Sorted(maps.Keys(people))
		q.Principal, q.Action, q.Resource, q.Owner = people[names[int(who)%len(names)]], action, key, home
		if json.Valid([]byte(identity)) && identity != "" {
			q.identity = []string{identity}
		}
		ctx, err := contextOf(context)
		if err != nil || q.parse([]string{"p"}) != nil || strings.Contains(resource+identity, "null") {
			return
		}
		q.Context = ctx
		v := policy.Decide(q.Question)
		if strings.Contains(v.Reason, "too much to compare") {
			return
		}
		if want := slowDecide(q); v.Basis != want {
			t.Fatalf("%v (%s), and %v by the definition", v.Basis, v.Reason, want)
		}
		checkConsistent(t, q, v)
	})
}
