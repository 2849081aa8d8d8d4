package policy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/policy"
)

// author writes random documents out of pieces that are likely to meet.
type author struct{ *rand.Rand }

func (a author) pick(from ...string) string { return from[a.IntN(len(from))] }

func (a author) some(from ...string) string {
	list := []string{}
	for range 1 + a.IntN(3) {
		list = append(list, a.pick(from...))
	}
	text, _ := json.Marshal(list)
	if len(list) == 1 && a.IntN(2) == 0 {
		text, _ = json.Marshal(list[0])
	}
	return named(string(text))
}

func (a author) principal() string {
	if a.IntN(4) == 0 {
		return `"*"`
	}
	kind := a.pick("AWS", "AWS", "AWS", "AWS", "AWS", "Service")
	return `{"` + kind + `":` + a.some("@home", "@abroad", "@root", "@foreignroot", "*", "@alice", "@bob", "@ghost", "@app",
		"@one", "@two", "@eve", "AIDAALICE", "AROAAPP", "AROAAPP:one", "AIDAGHOST2") + `}`
}

// values of one type for one operator, with some of others among the request's values.
var randomValues = map[string][]string{
	"String":  {"a", "A", "b*", "a?", "*", "", "${aws:username}", "x${k:t, 'd'}*", "${*}", "é"},
	"Numeric": {"1", "1.0", "-2", "10", "1e1", "0", "9007199254740993"},
	"Date":    {"2026-01-31T12:00:00Z", "2026-01-31", "1769860800", "2026-01-31T12:00:00.5+01:00"},
	"Bool":    {"true", "false", "True"},
	"Binary":  {"AA==", "AQ=="},
	"Ip":      {"10.0.0.0/8", "10.1.2.3", "::ffff:10.0.0.0/104", "2001:db8::/32", "::/0"},
	"Arn": {"arn:aws:iam::*:user/*", "@alice", "@key", "arn:aws:kms:*:*:key/6*", "*", "${aws:PrincipalArn}",
		"arn:aws:iam::@home:user/${aws:username}"},
}

var randomContext = []string{
	"a", "A", "ab", "b*", "*", "", "alice", "xd1", "é", "1", "1.00", "-2", "10", "0", "9007199254740992",
	"2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", "true", "False", "AA==", "10.1.2.3", "::ffff:10.9.9.9", "2001:db8::1",
	"arn:aws:iam::111122223333:user/alice", key, "arn:aws:iam::444455556666:user/eve:x",
}

func (a author) condition() string {
	base := a.pick("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike",
		"StringNotLike", "NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan",
		"NumericGreaterThanEquals", "DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan",
		"DateGreaterThanEquals", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals",
		"ArnNotLike", "Null")
	operator := base
	if base != "Null" {
		operator = a.pick("", "", "ForAllValues:", "ForAnyValue:") + base + a.pick("", "", "IfExists")
	}
	family := "Bool"
	for name := range randomValues {
		if strings.HasPrefix(strings.TrimPrefix(base, "Not"), name) {
			family = name
		}
	}
	return fmt.Sprintf(`{%q:{%q:%s}}`, operator, a.pick("k:s", "k:t", "kms:EncryptionContext:e", "aws:username"), a.some(randomValues[family]...))
}

func (a author) statement(kind policy.Kind) string {
	members := []string{fmt.Sprintf(`"Effect":%q`, a.pick("Allow", "Allow", "Allow", "Deny"))}
	not := func() string { return a.pick("", "", "", "", "Not") }
	if kind != policy.IdentityPolicy {
		members = append(members, fmt.Sprintf(`"%sPrincipal":%s`, not(), a.principal()))
	}
	members = append(members, fmt.Sprintf(`"%sAction":%s`, not(), a.some("kms:*", "kms:Encrypt", "KMS:D*", "kms:?e*", "kms:*crypt*", "*", "s3:*")))
	if kind != policy.TrustPolicy {
		members = append(members, fmt.Sprintf(`"%sResource":%s`, not(), a.some("*", "*", "@key", "arn:aws:kms:*:*:key/*",
			"arn:aws:kms:*:*:key/0*", "arn:aws:kms:*:*:alias/${aws:username}", "arn:aws:kms:*:*:${k:t,'key'}/*")))
	}
	if a.IntN(3) > 0 {
		members = append(members, `"Condition":`+a.condition())
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (a author) document(kind policy.Kind) string {
	statements := []string{}
	for range 1 + a.IntN(4) {
		statements = append(statements, a.statement(kind))
	}
	version, text := "2012-10-17", strings.Join(statements, ",")
	if a.IntN(4) == 0 {
		// Without variables, this one is no ARN.
		version, text = "2008-10-17", strings.ReplaceAll(text, `"${aws:PrincipalArn}"`, `"*"`)
	}
	return fmt.Sprintf(`{"Version":%q,"Statement":[%s]}`, version, text)
}

func (a author) context() policy.Context {
	if a.IntN(8) == 0 {
		return nil
	}
	c := testContext{}
	for _, name := range []string{"k:s", "k:t", "kms:EncryptionContext:e", "aws:username", "aws:PrincipalArn"} {
		v := policy.Values{Present: a.IntN(4) > 0, Ambiguous: a.IntN(12) == 0}
		for n := a.pick("0", "1", "1", "1", "1", "2"); len(v.List) < int(n[0]-'0'); {
			v.List = append(v.List, a.pick(randomContext...))
		}
		c[keyOf(name)] = v
	}
	return c
}

func (a author) grants() []policy.Grant {
	var list []policy.Grant
	for range a.IntN(3) {
		g := policy.Grant{ID: "g", Operations: []string{a.pick("Encrypt", "Decrypt", "DescribeKey")}, ForAccount: a.IntN(2) == 0}
		switch a.IntN(3) {
		case 0:
			g.Equals = map[string]string{"a": a.pick("1", "2")}
		case 1:
			g.Subset = map[string]string{"a": a.pick("1", "2")}
		}
		list = append(list, g)
	}
	return list
}

func (a author) question() slowQuestion {
	q := slowQuestion{kind: policy.KeyPolicy, ids: ids}
	who := slices.Sorted(maps.Keys(people))
	q.Principal = people[a.pick(who...)]
	q.Action = a.pick("kms:Encrypt", "kms:Decrypt", "KMS:describekey", "kms:ReEncryptTo", "keyhold:X")
	q.Resource, q.Owner = a.pick(key, key, key2), a.pick(home, home, home, abroad, "")
	q.Context, q.Grants = a.context(), a.grants()
	if a.IntN(3) > 0 {
		q.EncryptionContext = map[string]string{"a": a.pick("1", "2")}
	}
	if a.IntN(6) > 0 {
		if a.IntN(8) == 0 {
			q.kind = policy.TrustPolicy
		}
		q.resource = a.document(q.kind)
	}
	for range a.IntN(3) {
		q.identity = append(q.identity, a.document(policy.IdentityPolicy))
	}
	return q
}

func TestDecideAgreesWithTheObviousEvaluator(t *testing.T) {
	a := author{rand.New(rand.NewPCG(7, 11))}
	seen := map[policy.Basis]int{}
	for range 3000 {
		q := a.question()
		if err := q.parse([]string{"p", "q"}); err != nil {
			t.Fatalf("%v in\n%s\n%v", err, q.resource, q.identity)
		}
		v := policy.Decide(q.Question)
		seen[v.Basis]++
		if want := slowDecide(q); v.Basis != want {
			t.Fatalf("%v (%s), and %v by the definition\nkey policy %s\nidentity policies %v\n%+v", v.Basis, v.Reason, want, q.resource, q.identity, q.Question)
		}
		checkConsistent(t, q, v)
	}
	for b := policy.ByNothing; b <= policy.DeniedByIdentity; b++ {
		if seen[b] < 10 {
			t.Errorf("the random questions were answered %v only %d times", b, seen[b])
		}
	}
}
