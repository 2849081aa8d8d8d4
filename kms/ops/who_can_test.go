package ops_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// whoCan lists who can, one line for each, in pages of a size.
func (b *bench) whoCan(caller kms.Caller, action, key string, size int32) []string {
	b.t.Helper()
	var list []string
	in := &api.WhoCanInput{Action: &action, KeyID: &key, Limit: &size}
	for {
		out := mustAs[*api.WhoCanOutput](b, caller, "WhoCan", in)
		if len(out.Principals) > int(size) || out.Truncated != (out.NextMarker != "") {
			b.t.Fatalf("a page of %d is %+v", size, out)
		}
		for _, p := range out.Principals {
			if p.PrincipalID == "" && p.By.Name != "" || p.Kind == "" || p.Reason == "" {
				b.t.Errorf("an entry is %+v", p)
			}
			by := fmt.Sprintf("%s %s%s%s", p.By.Type, p.By.Name, p.By.Sid, p.By.GrantID)
			list = append(list, strings.TrimSpace(strings.TrimPrefix(p.Principal, "arn:aws:")+" "+by))
		}
		if !out.Truncated {
			return list
		}
		in.Marker = &out.NextMarker
	}
}

func TestWhoCanFindsEveryoneWhoIsAllowedAndNobodyElse(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	b.user("reader", allow("kms:Encrypt"))
	b.user("nobody")
	b.user("barred", allow("kms:*"), deny("kms:Encrypt"))
	admin, holder, off := b.user("admin"), b.user("holder"), b.user("off", allow("kms:*"))
	b.role("clerk", "", allow("kms:Encrypt"))
	b.role("guest", "")
	b.userOf(otherAccount, "foreign", allow("kms:Encrypt"))
	b.userOf(otherAccount, "stranger")
	sessionARN := func(role, name string) string {
		return "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + name
	}
	key := b.keyWith(delegating(account), letting("Allow", "admins", admin.ARN, "kms:Encrypt"), letting("Allow", "friends", rootARN(otherAccount), "kms:Encrypt"),
		letting("Allow", "monday", sessionARN("guest", "monday"), "kms:Encrypt"))
	grant, night := b.grantTo(key, holder.ARN, "Encrypt"), b.grantTo(key, sessionARN("guest", "night"), "Encrypt")
	b.grantTo(key, sessionARN("guest", "noon"), "Decrypt")
	must[any](b, "DisablePrincipal", &api.DisablePrincipalInput{Principal: &off.ARN})

	want := []string{
		"iam::" + account + ":root key-policy delegate",
		"iam::" + account + ":user/reader identity-policy p1",
		"iam::" + account + ":user/admin key-policy admins",
		"iam::" + account + ":user/holder grant " + grant,
		"iam::" + account + ":role/clerk identity-policy p1",
		"iam::" + otherAccount + ":root key-policy friends",
		"iam::" + otherAccount + ":user/foreign identity-policy p1",
		"sts::" + account + ":assumed-role/guest/monday key-policy monday",
		"sts::" + account + ":assumed-role/guest/night grant " + night,
	}
	slices.Sort(want)
	for _, size := range []int32{1, 2, 3, 8, 9, 1000} {
		got := b.whoCan(b.root(), "kms:encrypt", key, size)
		roots := []int{slices.IndexFunc(got, func(s string) bool { return strings.HasPrefix(s, "iam::"+otherAccount+":root") }),
			slices.IndexFunc(got, func(s string) bool { return strings.HasPrefix(s, "sts:") })}
		if got[0] != "iam::"+account+":root key-policy delegate" || roots[0] != 5 || roots[1] != 7 {
			t.Errorf("they are not in the order of accounts: %q", got)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("in pages of %d:\n got %q\nwant %q", size, got, want)
		}
	}
}

func TestAnotherAccountsKeyIsItsOwnMatter(t *testing.T) {
	b := newBench(t)
	other := b.rootOf(b.account(otherAccount))
	b.user("reader", allow("kms:Encrypt"))
	key := mustAs[*api.CreateKeyOutput](b, other, "CreateKey", &api.CreateKeyInput{Policy: new(fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[%s,%s]}`, delegating(otherAccount), delegating(account)))}).KeyMetadata.Arn
	// What is the account's own comes first, and of the other account nobody is told whom the key does not name.
	want := []string{"iam::" + otherAccount + ":root key-policy delegate", "iam::" + account + ":root key-policy delegate"}
	if got := b.whoCan(other, "kms:Encrypt", key, 10); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err := try[any](b, "WhoCan", &api.WhoCanInput{Action: new("kms:Encrypt"), KeyID: &key})
	refused(t, err, api.AccessDeniedException)
	_, err = try[any](b, "WhoCan", &api.WhoCanInput{Action: new("kms:Encrypt"), KeyID: &key, Marker: new("x")})
	refused(t, err, api.AccessDeniedException)
}

func TestAMarkerThatNobodyMadeIsRefusedByWhoCan(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	_, err := try[any](b, "WhoCan", &api.WhoCanInput{Action: new("kms:Encrypt"), KeyID: &key, Marker: new("x")})
	refused(t, err, "InvalidMarkerException")
}

// A thousand principals are a page's work. The time is far above what it takes, and what counts is the shortest of some
// tries: the machine may be busy with other things.
func TestWhoCanLooksAtAThousandPrincipalsAtOnce(t *testing.T) {
	b := newBench(t)
	for i := range 1000 {
		policy := []string{}
		if i%10 == 0 {
			policy = append(policy, allow("kms:Encrypt"))
		}
		b.user(fmt.Sprintf("user-%04d", i), policy...)
	}
	key := b.newKey()
	for _, temperature := range []string{"cold", "warm"} {
		least := time.Hour
		for tries := 0; tries < 8 && least > 2*time.Second; tries++ {
			if temperature == "cold" {
				b.reopen()
			}
			began := time.Now()
			if got := b.whoCan(b.root(), "kms:Encrypt", key, 1000); len(got) != 101 {
				t.Errorf("%d can, want 101", len(got))
			}
			least = min(least, time.Since(began))
		}
		t.Logf("%s: %s", temperature, least)
		if least > 2*time.Second {
			t.Errorf("%s it took %s", temperature, least)
		}
	}
}

// grantCounter counts the grants that are read in lists.
type grantCounter struct {
	kms.Store
	read int
}

func (s *grantCounter) Grants(ctx context.Context, key kms.KeyID, grantee string, after kms.GrantID, limit int) ([]kms.GrantRow, error) {
	rows, err := s.Store.Grants(ctx, key, grantee, after, limit)
	s.read += len(rows)
	return rows, err
}

func TestAPageOfWhoCanReadsNoMoreGrantsThanItLooksAt(t *testing.T) {
	counter := &grantCounter{}
	b := newBench(t, func(c *kms.Config) {
		counter.Store = c.Store
		c.Store, c.Table = counter, append(slices.Clone(c.Table), planting)
	})
	key, guest := b.newKey(), b.role("guest", "")
	const many = 5000
	var change kms.Change
	for n := range many {
		change.Grants = append(change.Grants, kms.GrantRow{KeyID: kms.KeyID(key), ID: kms.GrantID(fmt.Sprintf("%064x", n+1)), Rev: 1,
			Grantee: fmt.Sprintf("%s:s%04d", guest.PrincipalID, n), GranteeARN: fmt.Sprintf("arn:aws:sts::%s:assumed-role/guest/s%04d", account, n),
			Issuer: account, Operations: "Encrypt", CreatedAt: 1})
	}
	must[*api.Void](b, "Plant", &plantInput{change})
	in, found := &api.WhoCanInput{Action: new("kms:Encrypt"), KeyID: &key, Limit: new(int32(700))}, 0
	for {
		counter.read = 0
		out := must[*api.WhoCanOutput](b, "WhoCan", in)
		if found += len(out.Principals); counter.read > 1500 {
			t.Errorf("a page of %d read %d grants", len(out.Principals), counter.read)
		}
		if !out.Truncated {
			break
		}
		in.Marker = &out.NextMarker
	}
	if found != many+1 {
		t.Errorf("%d can, want the root and %d sessions", found, many)
	}
}
