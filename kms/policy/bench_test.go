package policy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/kms/policy"
)

// bigQuestion is about a key policy of 30 KB, the last statement of which delegates, and an identity policy of 50
// statements, the last of which allows.
func bigQuestion(t testing.TB) (q policy.Question, document string) {
	var statements []string
	for i := 0; len(strings.Join(statements, "},{")) < 30000; i++ {
		statements = append(statements, fmt.Sprintf(`"Sid":"Use %d","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:role/app-%d","arn:aws:iam::111122223333:user/u-%d"]},`+
			`"Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"],"Resource":"*",`+
			`"Condition":{"StringEquals":{"kms:EncryptionContext:App":"app-%d"}}`, i, i, i, i))
	}
	statements = append(statements, `"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","192.168.0.0/16"]}}`)
	statements = append(statements, `"Effect":"Allow","Principal":{"AWS":"@home"},"Action":"kms:*","Resource":"*"`)
	document = doc(statements...)
	var identity []string
	for i := range 50 {
		identity = append(identity, fmt.Sprintf(`"Effect":"Allow","Action":["kms:Encrypt","kms:GenerateDataKey*"],"Resource":"arn:aws:kms:*:111122223333:key/%04d*","Condition":{"StringLike":{"kms:EncryptionContext:App":"team-%d-*"}}`, i, i))
	}
	identity = append(identity, `"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:111122223333:key/*"`)
	q = policy.Question{Owner: home, ResourcePolicy: parse(t, policy.KeyPolicy, document).Bind(ids)}
	q.Identity = []policy.Named{{Name: "p", Policy: parse(t, policy.IdentityPolicy, doc(identity...))}}
	q.Principal, q.Action, q.Resource = people["alice"], "kms:GenerateDataKey", key
	q.Context = testContext{
		keyOf("kms:EncryptionContext:App"): {List: []string{"app-1"}, Present: true},
		keyOf("aws:SourceIp"):              {List: []string{"10.1.2.3"}, Present: true},
	}
	return q, document
}

// A decision is on the path of every request: its cost must not grow into the heap with the policy.
func TestDecisionsAllocateLittle(t *testing.T) {
	q, _ := bigQuestion(t)
	if n := testing.AllocsPerRun(100, func() {
		if v := policy.Decide(q); v.Basis != policy.ByIdentityPolicy || v.Statement != 51 {
			t.Fatal(v)
		}
	}); n > 16 {
		t.Errorf("a decision allocates %v times", n)
	}
}

func TestOnePolicyServesManyGoroutines(t *testing.T) {
	q, _ := bigQuestion(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if v := policy.Decide(q); !v.Allowed {
					t.Error(v.Reason)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkDecideDefault(b *testing.B) {
	q := policy.Question{Owner: home, ResourcePolicy: parse(b, policy.KeyPolicy, policy.Default("aws", home))}
	q.Principal, q.Action, q.Resource = people["root"], "kms:GenerateDataKey", key
	benchmarkDecide(b, q)
}

func BenchmarkDecideBig(b *testing.B) {
	q, _ := bigQuestion(b)
	benchmarkDecide(b, q)
}

func benchmarkDecide(b *testing.B, q policy.Question) {
	b.ReportAllocs()
	for b.Loop() {
		if !policy.Decide(q).Allowed {
			b.Fatal("denied")
		}
	}
}

func BenchmarkParseBig(b *testing.B) {
	_, document := bigQuestion(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		if _, err := policy.Parse(policy.KeyPolicy, document); err != nil {
			b.Fatal(err)
		}
	}
}
