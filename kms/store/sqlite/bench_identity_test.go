package sqlite_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/store/sqlite"
)

func principalID(n int) kms.PrincipalID { return kms.PrincipalID(fmt.Sprintf("AROA%017d", n)) }

// grantOf is a grant of key 0, to a grantee of its own, with an id as random as a real one.
func grantOf(n int) kms.GrantRow {
	arn := fmt.Sprintf("arn:aws:iam::%s:role/service-role/worker-%06d", account, n)
	return kms.GrantRow{
		KeyID: keyID(0), ID: kms.GrantID(fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, n)))), Rev: 1,
		Name: fmt.Sprint("name ", n), Grantee: string(principalID(n)), GranteeARN: arn, Retiring: string(principalID(n)), RetiringARN: arn,
		Issuer: account, Operations: "Decrypt,GenerateDataKey,RetireGrant", CreatedAt: 1, MAC: make([]byte, 32),
	}
}

// granted is a store with a key of so many grants.
func granted(b *testing.B, n int) *sqlite.Store {
	b.Helper()
	s := create(b, b.TempDir())
	c := keyChange(0, 1)
	for i := range n {
		c.Grants = append(c.Grants, grantOf(i))
	}
	if err := s.Apply(context.Background(), c); err != nil {
		b.Fatal(err)
	}
	return s
}

var grantCounts = []int{50, 50_000}

func BenchmarkGrantsTo(b *testing.B) {
	for _, count := range grantCounts {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			s := granted(b, count)
			for n := 0; b.Loop(); n++ {
				rows, err := s.GrantsTo(context.Background(), keyID(0), string(principalID(n*7919%count)))
				if err != nil || len(rows) != 1 {
					b.Fatal(len(rows), err)
				}
			}
		})
	}
}

// BenchmarkApplyGrant makes one grant more, which has to be counted, and then retires it.
func BenchmarkApplyGrant(b *testing.B) {
	for _, count := range grantCounts {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			s := granted(b, count)
			for n := count; b.Loop(); n++ {
				g := []kms.GrantRow{grantOf(n)}
				if err := s.Apply(context.Background(), kms.Change{Grants: g, MaxGrants: count + 1}); err != nil {
					b.Fatal(err)
				}
				if err := s.Apply(context.Background(), kms.Change{DropGrants: g}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPrincipal reads one of 1,000 principals with two policies each.
func BenchmarkPrincipal(b *testing.B) {
	s := create(b, b.TempDir())
	var c kms.Change
	for n := range 1000 {
		id := principalID(n)
		c.Principals = append(c.Principals, kms.PrincipalRow{
			ID: id, Account: account, Rev: 1, Kind: kms.Role, Path: "/", Name: fmt.Sprint("worker-", n), State: kms.Active,
			TrustPolicy: strings.Repeat("t", 400), PoliciesDigest: kms.DigestPolicies(nil), MAC: make([]byte, 32),
		})
		for _, name := range []string{"keys", "logs"} {
			c.PrincipalPolicies = append(c.PrincipalPolicies, kms.PrincipalPolicyRow{
				Principal: id, Name: name, Rev: 1, Document: strings.Repeat("d", 600), MAC: make([]byte, 32),
			})
		}
	}
	if err := s.Apply(context.Background(), c); err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		record, err := s.Principal(context.Background(), principalID(n*7919%1000))
		if err != nil || len(record.Policies) != 2 {
			b.Fatal(record, err)
		}
	}
}
