package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// fullest is a request that has as much under every condition key as the API lets through, and more: a value of the
// greatest length, or as many as there can be.
type fullest struct {
	text string
	many []string
}

func (f fullest) Lookup(key ConditionKey) Values {
	switch key.Name {
	case "kms:encryptioncontextkeys":
		return Values{List: f.many, Present: true}
	case "kms:encryptioncontext":
		return Values{List: []string{f.text}, Present: true}
	case "aws:useragent":
		return Values{List: []string{f.text[:512]}, Present: true}
	}
	return Values{}
}

// fullestOf makes an encryption context of 8,192 octets of one text that is repeated.
func fullestOf(text string) fullest {
	f := fullest{text: strings.Repeat(text, 8192/len(text))}
	for i := range 8192 / 3 {
		f.many = append(f.many, fmt.Sprintf("%s%02x", text[:1], i%256))
	}
	return f
}

// filled is a document of the greatest length that Parse accepts, of as many items as fit between two texts. Only the
// first 250 are of the kind, when Parse lets in no more.
func filled(t testing.TB, before, after string, items func(i int) string) *Policy {
	t.Helper()
	for most := range slices.Values([]int{MaxBytes, 250}) {
		var b strings.Builder
		b.WriteString(before)
		for i := range most {
			item := items(i)
			if b.Len()+1+len(item)+len(after) > MaxBytes {
				break
			}
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(item)
		}
		if p, err := Parse(KeyPolicy, b.String()+after); err == nil {
			return p
		} else if most == 250 {
			t.Fatal(err)
		}
	}
	return nil
}

const (
	beforeStatement = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"`
	contextText     = `"kms:EncryptionContext:k"`
	contextKeys     = `"kms:EncryptionContextKeys"`
)

// manyValues makes documents of one condition with as many values as fit.
func manyValues(operator, key string, value func(i int) string) func(testing.TB) *Policy {
	return func(t testing.TB) *Policy {
		return filled(t, beforeStatement+`,"Condition":{"`+operator+`":{`+key+`:[`, `]}}}]}`, value)
	}
}

func always(s string) func(int) string { return func(int) string { return s } }

// worst are documents that make a decision as much work as each construct can, and the text that a request repeats.
var worst = map[string]struct {
	make func(testing.TB) *Policy
	text string
}{
	"texts with ? that are searched for":          {manyValues("StringLike", contextText, always(`"*?bc*"`)), "b"},
	"long texts with ?":                           {manyValues("StringLike", contextText, always(`"*?`+strings.Repeat("a", 120)+`b*"`)), "a"},
	"texts with ? and others than ASCII":          {manyValues("StringLike", contextText, always(`"*?ébc*"`)), "é"},
	"texts with ? of characters beyond documents": {manyValues("StringLike", contextText, always(`"*?${kms:EncryptionContext:k}*"`)), "ж"},
	"texts that are searched for":                 {manyValues("StringLike", contextText, always(`"*ab*"`)), "a"},
	"long texts that are searched for":            {manyValues("StringLike", contextText, always(`"*`+strings.Repeat("a", 64)+`b*"`)), "a"},
	"many texts in one pattern":                   {manyValues("StringLike", contextText, always(`"*`+strings.Repeat("a*", 3000)+`b*"`)), "a"},
	"patterns that begin with ?":                  {manyValues("StringLike", contextText, always(`"`+strings.Repeat("?", 8000)+`b*"`)), "é"},
	"patterns that end in ?":                      {manyValues("StringLike", contextText, always(`"*b`+strings.Repeat("?", 2000)+`"`)), "é"},
	"short patterns on many values":               {manyValues("ForAnyValue:StringLike", contextKeys, always(`"*?b"`)), "a"},
	"literals on many values":                     {manyValues("ForAnyValue:StringEquals", contextKeys, always(`"a"`)), "a"},
	"none of the literals on many values":         {manyValues("ForAllValues:StringNotEquals", contextKeys, always(`"a"`)), "a"},
	"variables":                                   {manyValues("StringEquals", contextText, always(`"${kms:EncryptionContext:k}b"`)), "é"},
	"many variables in one pattern":               {manyValues("StringLike", contextText, always(`"`+strings.Repeat("${kms:EncryptionContext:k}", 1000)+`"`)), "a"},
	"variables whatever their case":               {manyValues("StringEqualsIgnoreCase", contextText, always(`"${kms:EncryptionContext:k}b"`)), "é"},
	"texts whatever their case":                   {manyValues("StringEqualsIgnoreCase", contextText, always(`"`+strings.Repeat("é", 500)+`b"`)), "É"},
	"ARNs":                                        {manyValues("ArnLike", contextText, always(`"arn:*:*:*:*:*?bc*"`)), "arn:a:a:a:a:"},
	"ARNs of variables":                           {manyValues("ArnLike", contextText, always(`"arn:*:*:*:*:${kms:EncryptionContext:k}"`)), "arn:a:a:a:a:"},
	"numbers":                                     {manyValues("NumericEquals", `"aws:UserAgent"`, always(`1`)), "1"},
	"numbers and many values":                     {manyValues("ForAnyValue:NumericEquals", contextKeys, always(`1`)), "1"},
	"dates":                                       {manyValues("DateEquals", contextKeys, always(`1`)), "2"},
	"addresses":                                   {manyValues("IpAddress", contextText, always(`"::/0"`)), "::1%a"},
	"addresses and many values":                   {manyValues("ForAnyValue:IpAddress", contextKeys, always(`"::/9"`)), ":"},
	"booleans and many values":                    {manyValues("ForAnyValue:Bool", contextKeys, always(`true`)), "t"},
	"binary values":                               {manyValues("BinaryEquals", contextText, always(`"AA=="`)), "A"},
	"actions": {func(t testing.TB) *Policy {
		return filled(t, `{"Statement":[{"Effect":"Deny","Principal":"*","Resource":"*","Action":[`, `]}]}`, always(`"kms:*e*y*z"`))
	}, "a"},
	"actions that are not meant": {func(t testing.TB) *Policy {
		return filled(t, `{"Statement":[{"Effect":"Allow","Principal":"*","Resource":"*","NotAction":[`, `]}]}`, always(`"kms:*?z*"`))
	}, "a"},
	"resources": {func(t testing.TB) *Policy {
		return filled(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","NotResource":[`, `]}]}`,
			always(`"arn:*:*:*:*:${kms:EncryptionContext:k}*"`))
	}, "a"},
	"conditions": {func(t testing.TB) *Policy {
		return filled(t, beforeStatement+`,"Condition":{"StringLike":{`, `}}}]}`, func(i int) string { return fmt.Sprintf(`"kms:EncryptionContext:%x":"*a*a*"`, i) })
	}, "a"},
	"conditions about many values": {func(t testing.TB) *Policy {
		return filled(t, `{"Version":"2012-10-17","Statement":[`, `]}`, always(beforeStatement[len(`{"Version":"2012-10-17","Statement":[`):]+`,"Condition":{"ForAllValues:StringLike":{`+contextKeys+`:"*"}}}`))
	}, "a"},
	"principals": {func(t testing.TB) *Policy {
		return filled(t, `{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","NotPrincipal":{"AWS":[`, `]}}]}`, always(`"AIDAX"`))
	}, "a"},
}

// fullestQuestion asks about a key with such a policy.
func fullestQuestion(p *Policy, f fullest) Question {
	return Question{Owner: "111122223333", ResourcePolicy: p, Request: Request{
		Principal: Principal{Account: "111122223333", ID: "AIDAALICE"}, Action: "kms:GenerateDataKeyWithoutPlaintext",
		Resource: "arn:aws:kms:eu-west-1:111122223333:key/" + f.text[:36], Context: f,
	}}
}

// plainQuestion is what most policies and requests are like, at some length: the yardstick.
func plainQuestion(t testing.TB) Question {
	p := filled(t, `{"Version":"2012-10-17","Statement":[`, `]}`, func(i int) string {
		return fmt.Sprintf(`{"Sid":"Use %d","Effect":"Allow","Principal":"*","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*",`+
			`"Condition":{"StringEquals":{"kms:EncryptionContext:App":"app-%d"}}}`, i, i)
	})
	return fullestQuestion(p, fullestOf("a"))
}

// plainOnes tells as long as how many decisions on a plain policy one takes. Both are taken by turns, and the shortest of
// each counts, until it is as long as most at the most, or in the end: a busy machine holds up either.
func plainOnes(q, plain Question, most int) int {
	const atOnce = 100 // takes about as long as the longest of the others
	one, many := time.Hour, time.Hour
	for tries := 0; tries < 40 && one > many/atOnce*time.Duration(most); tries++ {
		start := time.Now()
		for range atOnce {
			Decide(plain)
		}
		between := time.Now()
		Decide(q)
		one, many = min(one, time.Since(between)), min(many, between.Sub(start))
	}
	return int(one / (many / atOnce))
}

// Whoever writes a policy, and whoever sends a request, must not make the server work for long, whatever they know of the
// other: a decision on the worst of both is a few milliseconds, some hundred times one on a plain policy of that size.
func TestTheWorstPolicyAndTheWorstRequestAreLittleWork(t *testing.T) {
	const most = 600
	plain := plainQuestion(t)
	for _, name := range slices.Sorted(maps.Keys(worst)) {
		w := worst[name]
		if ratio := plainOnes(fullestQuestion(w.make(t), fullestOf(w.text)), plain, most); ratio > most {
			t.Errorf("%s: a decision takes as long as %d plain ones, more than %d", name, ratio, most)
		}
	}
}

// What is not compared any more helps no caller: an Allow does not apply, a Deny does. The reason says why.
func TestWhatIsTooMuchToCompareHelpsNobody(t *testing.T) {
	const document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*"},` +
		`{"Effect":"%s","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"StringLike":{"kms:EncryptionContext:k":[%s"yes"]}}},` +
		`{"Effect":"Allow","Principal":"*","Action":"kms:Sign","Resource":"*"},` +
		`{"Effect":"%[1]s","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:k":"%[3]s"}}}]}`
	long := strings.Repeat("a", 8192)
	for _, tc := range []struct {
		effect, action, text, equals string
		want                         bool
	}{
		{"Allow", "kms:Encrypt", long, "a", true}, // decided before
		{"Allow", "kms:Decrypt", "yes", "a", true},
		{"Allow", "kms:Decrypt", long, long, false}, // the last statement allows it
		{"Deny", "kms:Decrypt", long, "a", false},
		{"Deny", "kms:Encrypt", long, "a", true},
		{"Allow", "kms:Sign", long, "a", true},
	} {
		p, err := Parse(KeyPolicy, fmt.Sprintf(document, tc.effect, strings.Repeat(`"*ab*",`, 2500), tc.equals))
		if err != nil {
			t.Fatal(err)
		}
		q := fullestQuestion(p, fullest{text: tc.text + strings.Repeat(" ", max(0, 36-len(tc.text)))})
		q.Action, q.Context = tc.action, values{{"kms:encryptioncontext", "k"}: tc.text}
		v := Decide(q)
		if tooMuch := strings.Contains(v.Reason, "too much to compare"); v.Allowed != tc.want || tooMuch != (tc.text == long && tc.action == "kms:Decrypt") {
			t.Errorf("%s with %s of %.5s: %+v", tc.action, tc.effect, tc.text, v)
		}
	}
}

func TestADocumentOfManyCostlyPatternsIsRefusedWhereOneIsTooMany(t *testing.T) {
	const line = "\n"
	for name, document := range map[string]string{
		"StringLike": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringLike":{"a:b":[%s"x"]}}}}`,
		"ArnLike":    `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"ArnLike":{"a:b":[%s"*"]}}}}`,
		"Resource":   `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":[%s"*"]}}`,
		"Action":     `{"Statement":{"Effect":"Allow","Principal":"*","Resource":"*","Action":[%s"*"]}}`,
	} {
		item := map[string]string{"Action": `"kms:*?b*"`, "StringLike": `"*?b*"`}[name]
		if item == "" {
			item = `"arn:aws:kms:*:*:*?b*"`
		}
		for n, want := range map[int]int{maxSearches: 0, maxSearches + 1: maxSearches + 2} {
			_, err := Parse(KeyPolicy, fmt.Sprintf(document, strings.Repeat(line+item+",", n)))
			e, refused := errors.AsType[*Error](err)
			if refused != (want > 0) || refused && (e.Line != want || !strings.Contains(e.Message, "use fewer such patterns")) {
				t.Errorf("%d in %s: %v", n, name, err)
			}
		}
	}
}

func BenchmarkDecideWorst(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkWorst(b, plainQuestion(b)) })
	for _, name := range slices.Sorted(maps.Keys(worst)) {
		b.Run(name, func(b *testing.B) {
			benchmarkWorst(b, fullestQuestion(worst[name].make(b), fullestOf(worst[name].text)))
		})
	}
}

func benchmarkWorst(b *testing.B, q Question) {
	b.ReportAllocs()
	for b.Loop() {
		Decide(q)
	}
	s := sides{ask: q.prepare(maxSteps), q: &q}
	q.ResourcePolicy.search(s.ask)
	b.ReportMetric(float64(maxSteps-s.run.left), "steps")
}
