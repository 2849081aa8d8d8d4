package ops_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
)

// planting puts rows into the store as the service itself would: authenticated.
var planting = kms.Operation[*plantInput, *api.Void]{
	Name: "Plant", Effect: kms.Mutate,
	Targets: func(*plantInput) []kms.Target { return []kms.Target{kms.NoKey("kms:Plant")} },
	Change: func(_ context.Context, _ *kms.Call, in *plantInput) (kms.Change, *api.Void, error) {
		return in.change, &api.Void{}, nil
	},
}

type plantInput struct{ change kms.Change }

func (*plantInput) Validate() error { return nil }

const (
	manyGrants = api.MaxGrantsPerKey
	fewGrants  = 10
	manyUsers  = 1000
	firstUsers = 250 // whose decisions are timed
)

// crowd is a key with a policy of 30 KB, a thousand users with a grant on it each, and as many grants to others as is said.
type crowd struct {
	*bench
	key   string
	users []kms.Caller
}

func newCrowd(t testing.TB, others int) *crowd {
	t.Helper()
	c := &crowd{bench: newBench(t, func(c *kms.Config) { c.Table = append(slices.Clone(c.Table), planting) })}
	c.key = c.newKey()
	c.putKeyPolicy(c.key, longPolicy(t))
	var change kms.Change
	for i := range manyUsers {
		id, err := kms.NewPrincipalID(rand.Reader, kms.User)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("user-%04d", i)
		change.Principals = append(change.Principals, kms.PrincipalRow{
			ID: id, Account: account, Rev: 1, Kind: kms.User, Path: "/", Name: name, State: kms.Active,
			PoliciesDigest: kms.DigestPolicies(nil), CreatedAt: 1})
		change.Grants = append(change.Grants, c.row(i, string(id)))
		c.users = append(c.users, kms.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":user/" + name, PrincipalID: string(id)})
	}
	c.plant(change)
	for i := manyUsers; i < others; i += 10_000 {
		change = kms.Change{}
		for n := i; n < min(i+10_000, others); n++ {
			change.Grants = append(change.Grants, c.row(n, fmt.Sprintf("AIDA%017d", n%5000)))
		}
		c.plant(change)
	}
	return c
}

func (c *crowd) row(n int, grantee string) kms.GrantRow {
	id := [32]byte{byte(n >> 16), byte(n >> 8), byte(n)}
	return kms.GrantRow{KeyID: kms.KeyID(c.key), ID: kms.GrantID(hex.EncodeToString(id[:])), Rev: 1, Grantee: grantee,
		GranteeARN: "arn:aws:iam::" + account + ":user/x", Issuer: account, Operations: "Encrypt,DescribeKey", CreatedAt: 1}
}

func (c *crowd) plant(change kms.Change) {
	c.t.Helper()
	must[*api.Void](c.bench, "Plant", &plantInput{change})
}

// longPolicy has statements that apply to nobody, to just under the limit.
func longPolicy(t testing.TB) string {
	t.Helper()
	statements := []string{everything}
	for i := range 130 {
		statements = append(statements, fmt.Sprintf(`{"Sid":"s%03d","Effect":"Deny","Principal":"*","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],`+
			`"Resource":"*","Condition":{"StringLike":{"kms:EncryptionContext:tenant-%03d":["%s*"]}}}`, i, i, strings.Repeat("x", 50)))
	}
	document := keyPolicy(statements...)
	if len(document) > policy.MaxBytes || len(document) < policy.MaxBytes*9/10 {
		t.Fatalf("the policy has %d octets", len(document))
	}
	return document
}

// decide asks whether the n-th user may encrypt.
func (c *crowd) decide(t testing.TB, n int) {
	_, err := tryAs[any](c.bench, c.users[n%manyUsers], "Encrypt", &api.EncryptInput{KeyID: &c.key, Plaintext: []byte("x"), DryRun: new(true)})
	refused(t, err, "DryRunOperationException")
}

// cold is the time that a user's first decision takes, on average.
func (c *crowd) cold(t testing.TB) time.Duration {
	t.Helper()
	c.reopen()
	c.decide(t, 0)
	began := time.Now()
	for n := 1; n <= firstUsers; n++ {
		c.decide(t, n)
	}
	return time.Since(began) / firstUsers
}

// A decision costs the same whether a key has ten grants to others or as many as it may have, also when the store is asked.
// The two are measured by turns, and the shortest times count: a busy machine holds up some, and the grants would hold up all.
func TestADecisionDoesNotCostMoreWithTheGrantsOfOthers(t *testing.T) {
	withFew, withMany := newCrowd(t, manyUsers+fewGrants), newCrowd(t, manyGrants)
	few, many := time.Hour, time.Hour
	for tries := 0; tries < 3 || tries < 20 && many > 3*few; tries++ {
		few, many = min(few, withFew.cold(t)), min(many, withMany.cold(t))
	}
	t.Logf("a first decision takes %v with %d grants on the key, %v with %d", few, manyUsers+fewGrants, many, manyGrants)
	if many > 3*few {
		t.Errorf("with %d grants on the key a decision takes %v, with %d %v", manyGrants, many, manyUsers+fewGrants, few)
	}
}

func TestAKeyHasFiftyThousandGrantsAtMost(t *testing.T) {
	c := newCrowd(t, manyGrants)
	_, err := try[any](c.bench, "CreateGrant", grantTo(c.key, account, "Encrypt"))
	refused(t, err, "LimitExceededException", keyARN(c.key)+" has 50000 grants, and may not have more.")
	row := c.row(0, "")
	c.revoke(c.key, string(row.ID))
	c.grant(c.key, account, "Encrypt")
	_, err = try[any](c.bench, "CreateGrant", grantTo(c.key, account, "Encrypt"))
	refused(t, err, "LimitExceededException")
	c.grant(c.newKey(), account, "Encrypt") // another key is another matter
}

func BenchmarkDecision(b *testing.B) {
	for _, others := range []int{manyUsers + fewGrants, manyGrants} {
		b.Run(fmt.Sprintf("grants=%d", others), func(b *testing.B) {
			c := newCrowd(b, others)
			for n := range manyUsers {
				c.decide(b, n)
			}
			for n := 0; b.Loop(); n++ {
				c.decide(b, n)
			}
		})
	}
}
