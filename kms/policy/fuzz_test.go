package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// slowMatch is the meaning of a pattern, spelled out.
func slowMatch(glob, text string) bool {
	switch {
	case glob == "":
		return text == ""
	case glob[0] == '*':
		return slowMatch(glob[1:], text) || text != "" && slowMatch(glob, text[1:])
	case text == "":
		return false
	default:
		return (glob[0] == '?' || glob[0] == text[0]) && slowMatch(glob[1:], text[1:])
	}
}

// slowDecide evaluates a document by way of the standard decoder, the definition of each word, and no shortcuts. It is
// only meant for documents that Parse accepts.
func slowDecide(document string, r Request) (allowed, delegated, denied bool) {
	var p struct{ Statement json.RawMessage }
	must(json.Unmarshal([]byte(document), &p))
	var list []map[string]any
	if json.Unmarshal(p.Statement, &list) != nil {
		list = make([]map[string]any, 1)
		must(json.Unmarshal(p.Statement, &list[0]))
	}
	keyAccount := ""
	if f := strings.Split(r.Resource, ":"); len(f) >= 6 {
		keyAccount = f[4]
	}
	self, account := false, false
	for _, s := range list {
		names, everyone := []string{}, s["Principal"] == "*"
		if !everyone {
			names = listOf(s["Principal"].(map[string]any)["AWS"])
		}
		named, inAccount := everyone, false
		for _, n := range names {
			isRoot := n == r.Principal.Account ||
				strings.HasPrefix(n, "arn:") && strings.HasSuffix(n, ":iam::"+r.Principal.Account+":root")
			named = named || n == "*" || n == r.Principal.ARN && !isRoot
			inAccount = inAccount || isRoot
		}
		action := anyMatch(listOf(s["Action"]), r.Action, strings.ToLower)
		resource := anyMatch(listOf(s["Resource"]), r.Resource, func(x string) string { return x })
		if !action || !resource || !named && !inAccount {
			continue
		}
		denied = denied || s["Effect"] == "Deny"
		self = self || named
		account = account || inAccount
	}
	switch {
	case len(r.Principal.Account) != 12 || denied:
		return false, false, denied && len(r.Principal.Account) == 12
	case r.Principal.Root:
		return self || account, false, false
	case r.Principal.Account == keyAccount:
		return self, account && !self, false
	default:
		return false, self || account, false
	}
}

func anyMatch(globs []string, text string, fold func(string) string) bool {
	for _, g := range globs {
		if slowMatch(fold(g), fold(text)) {
			return true
		}
	}
	return false
}

func listOf(v any) []string {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	var out []string
	for _, x := range v.([]any) {
		out = append(out, x.(string))
	}
	return out
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

const testKey = "arn:aws:kms:eu-central-1:111122223333:key/6f0c5d1e-3a52-4a8e-9d5b-0c9f6f0a7b11"

var (
	testPrincipals = []Principal{
		{Account: "111122223333", ARN: "arn:aws:iam::111122223333:root", Root: true},
		{Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/alice"},
		{Account: "111122223333", ARN: "arn:aws:iam::111122223333:role/app"},
		{Account: "444455556666", ARN: "arn:aws:iam::444455556666:root", Root: true},
		{Account: "444455556666", ARN: "arn:aws:iam::444455556666:user/eve"},
		{},
	}
	testActions = []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncryptTo", "KMS:putkeypolicy", "keyhold:X"}
)

// compareWithSlow asks both evaluators everything above.
func compareWithSlow(t *testing.T, p *Policy, document string) {
	t.Helper()
	for _, who := range testPrincipals {
		for _, action := range testActions {
			r := Request{Principal: who, Action: action, Resource: testKey}
			d := p.Evaluate(r)
			allowed, delegated, denied := slowDecide(document, r)
			if d.Allowed != allowed || d.Delegated != delegated || d.ExplicitDeny != denied {
				t.Fatalf("%+v\ngives %+v\nwant allowed %v, delegated %v, denied %v\nin %s", r, d, allowed, delegated, denied, document)
			}
		}
	}
}

func TestEvaluateAgreesWithTheObviousEvaluator(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	several := func(from ...string) string {
		list := []string{}
		for range 1 + random.IntN(3) {
			list = append(list, `"`+pick(from...)+`"`)
		}
		if len(list) == 1 {
			return list[0]
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	seen := map[[3]bool]int{}
	for range 200 {
		statements := []string{}
		for range 1 + random.IntN(4) {
			who := `"*"`
			if random.IntN(4) > 0 {
				who = `{"AWS":` + several("111122223333", "444455556666", "arn:aws:iam::111122223333:root", "*",
					"arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:role/app", "arn:aws:iam::444455556666:user/eve") + `}`
			}
			statements = append(statements, fmt.Sprintf(`{"Effect":%q,"Principal":%s,"Action":%s,"Resource":%s}`,
				pick("Allow", "Allow", "Deny"), who, several("kms:*", "kms:Encrypt", "KMS:D*", "kms:?e*", "kms:*crypt*", "*", "s3:*"),
				several("*", testKey, "arn:aws:kms:*:*:key/*", "arn:aws:kms:*:*:key/0*")))
		}
		document := `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
		p, err := Parse(document)
		if err != nil {
			t.Fatal(err)
		}
		compareWithSlow(t, p, document)
		d := p.Evaluate(Request{Principal: testPrincipals[1], Action: "kms:Encrypt", Resource: testKey})
		seen[[3]bool{d.Allowed, d.Delegated, d.ExplicitDeny}]++
	}
	if len(seen) != 4 {
		t.Errorf("the random policies gave only the answers %v", seen)
	}
}

func TestPatternsAgreeWithTheirMeaning(t *testing.T) {
	// Every pattern of up to 5 and every text of up to 6 octets over a small alphabet.
	var globs, texts []string
	words(&globs, "ab*?", 5)
	words(&texts, "ab", 6)
	for _, g := range globs {
		p := compile(g)
		for _, text := range texts {
			if got := p.matches(text); got != slowMatch(g, text) {
				t.Fatalf("pattern %q on %q: %v", g, text, got)
			}
		}
	}
}

func words(out *[]string, alphabet string, length int) {
	*out = append(*out, "")
	for start := 0; length > 0; length-- {
		end := len(*out)
		for _, w := range (*out)[start:end] {
			for _, c := range alphabet {
				*out = append(*out, w+string(c))
			}
		}
		start = end
	}
}

func TestAMaliciousPatternCostsNoTime(t *testing.T) {
	// 2^40 steps for a matcher that tries every way to divide the text.
	p := compile(strings.Repeat("a*", 40) + "b")
	if p.matches(strings.Repeat("a", 2000)) {
		t.Error("matched")
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("kms:*", "kms:Encrypt")
	f.Add("a*?b**", "aaabbb")
	f.Fuzz(func(t *testing.T, glob, text string) {
		// The slow matcher is exponential in the number of stars.
		if len(glob) > 24 || len(text) > 24 || strings.Count(glob, "*") > 6 {
			return
		}
		if got := compile(glob).matches(text); got != slowMatch(glob, text) {
			t.Errorf("pattern %q on %q: %v", glob, text, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(Default("aws", "111122223333"))
	f.Add(`{"Statement":{"Sid":"\u0041","Effect":"Deny","Principal":"*","Action":["kms:E*","*"],"Resource":"arn:aws:kms:*:*:key/?*"}}`)
	f.Add(`{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*","111122223333"]},"Action":"kms:*","Resource":"*"}]}`)
	f.Add(`{"Statement":[{"Condition":{"Bool":{"a":[1e5,true,null]}}}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		p, err := Parse(document)
		if err != nil {
			checkRefusal(t, p, err, document)
			return
		}
		if !json.Valid([]byte(document)) || len(document) > MaxBytes {
			t.Fatalf("accepted what is not JSON: %q", document)
		}
		again, err := Parse(document)
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("a second reading gives %+v, %v", again, err)
		}
		if strings.Count(document, "*") < 12 { // the slow matcher is exponential in the number of stars
			compareWithSlow(t, p, document)
		}
	})
}

func checkRefusal(t *testing.T, p *Policy, err error, document string) {
	var e *Error
	if p != nil || !errors.As(err, &e) || e.Message == "" {
		t.Fatalf("refused with %v, %#v", p, err)
	}
	lines := strings.Split(document, "\n")
	if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len(lines[e.Line-1])+1 {
		t.Fatalf("refused at a place that does not exist: %v", e)
	}
}
