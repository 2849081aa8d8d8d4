package ops_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

const (
	unrecognized  = "UnrecognizedClientException"
	alreadyExists = "AlreadyExistsException"
	iamBase       = "arn:aws:iam::" + account + ":"
)

// person is a principal as it is now.
func (b *bench) person(ref string) api.Principal {
	b.t.Helper()
	return must[*api.DescribePrincipalOutput](b, "DescribePrincipal", &api.DescribePrincipalInput{Principal: &ref}).Principal
}

// knows tells whether a caller is let in, and to list keys.
func (b *bench) knows(caller kms.Caller) error {
	b.t.Helper()
	_, err := tryAs[any](b, caller, "ListKeys", &api.ListKeysInput{})
	return err
}

func TestAUserMayDoWhatItsPoliciesAllow(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	alice := b.user("alice", allow("kms:Encrypt", "kms:DescribeKey"))
	in := &api.EncryptInput{KeyID: &key, Plaintext: []byte("attack at dawn")}
	mustAs[*api.EncryptOutput](b, alice, "Encrypt", in)
	_, err := tryAs[any](b, alice, "DisableKey", &api.DisableKeyInput{KeyID: &key})
	refused(t, err, denied, "User: "+iamBase+"user/alice is not authorized to perform: kms:DisableKey on resource: "+
		keyARN(key)+" because no identity-based policy allows the kms:DisableKey action")
	b.putPolicy(b.root(), alice.ARN, "p2", deny("kms:Encrypt"))
	_, err = tryAs[any](b, alice, "Encrypt", in)
	refused(t, err, denied, "User: "+iamBase+"user/alice is not authorized to perform: kms:Encrypt on resource: "+
		keyARN(key)+" with an explicit deny in an identity-based policy")
}

func TestAPrincipalIsAsItWasMade(t *testing.T) {
	b := newBench(t)
	trust := fmt.Sprintf(assumedByAccount, account)
	tags := map[string]string{"team": "blue", "stage": ""}
	for _, c := range []struct {
		in   api.CreatePrincipalInput
		want api.Principal
	}{
		{api.CreatePrincipalInput{Kind: new("user"), Name: new("alice")}, api.Principal{Arn: iamBase + "user/alice", Kind: "user", Name: "alice", Path: "/"}},
		{api.CreatePrincipalInput{Kind: new("user"), Name: new("Bob+=,.@-_1"), Path: new("/a/b/"), Description: new("of the lab"), Tags: tags},
			api.Principal{Arn: iamBase + "user/a/b/Bob+=,.@-_1", Kind: "user", Name: "Bob+=,.@-_1", Path: "/a/b/", Description: "of the lab", Tags: tags}},
		{api.CreatePrincipalInput{Kind: new("role"), Name: new("alice"), TrustPolicy: &trust},
			api.Principal{Arn: iamBase + "role/alice", Kind: "role", Name: "alice", Path: "/", TrustPolicy: trust, MaxSessionDuration: 3600}},
		{api.CreatePrincipalInput{Kind: new("role"), Name: new("night"), TrustPolicy: &trust, MaxSessionDuration: new(int32(43200))},
			api.Principal{Arn: iamBase + "role/night", Kind: "role", Name: "night", Path: "/", TrustPolicy: trust, MaxSessionDuration: 43200}},
	} {
		t.Run(c.want.Arn, func(t *testing.T) {
			made := must[*api.CreatePrincipalOutput](b, "CreatePrincipal", &c.in).Principal
			c.want.PrincipalID, c.want.AccountID, c.want.State, c.want.CreateDate = made.PrincipalID, account, "Active", api.TimeOf(b.clock.Now())
			if prefix := map[string]string{"user": "AIDA", "role": "AROA"}[c.want.Kind]; len(made.PrincipalID) != 21 || !strings.HasPrefix(made.PrincipalID, prefix) {
				t.Errorf("the unique id is %q", made.PrincipalID)
			}
			if !reflect.DeepEqual(made, c.want) {
				t.Errorf("made %+v\nwant %+v", made, c.want)
			}
			b.reopen()
			for _, ref := range []string{c.want.Arn, made.PrincipalID, c.want.Kind + "/" + c.want.Name} {
				if got := b.person(ref); !reflect.DeepEqual(got, c.want) {
					t.Errorf("%s is %+v\nwant %+v", ref, got, c.want)
				}
			}
		})
	}
}

func TestOnlyARolesTrustPolicySaysWhoAssumesIt(t *testing.T) {
	b := newBench(t)
	role := func(trust *string, duration *int32) *api.CreatePrincipalInput {
		return &api.CreatePrincipalInput{Kind: new("role"), Name: new("r"), TrustPolicy: trust, MaxSessionDuration: duration}
	}
	user := func(in api.CreatePrincipalInput) *api.CreatePrincipalInput {
		in.Kind, in.Name = new("user"), new("u")
		return &in
	}
	trust := func(principal string) *string { return new(fmt.Sprintf(assumedByAccount, principal)) }
	b.unchanged(t, func() {
		for story, c := range map[string]struct {
			in         *api.CreatePrincipalInput
			name, text string
		}{
			"a role without one":             {role(nil, nil), validation, "TrustPolicy is required for a role: it says who may assume it."},
			"a user with one":                {user(api.CreatePrincipalInput{TrustPolicy: trust(account)}), validation, "TrustPolicy belongs to roles only. Leave it out for a user."},
			"a user with a session duration": {user(api.CreatePrincipalInput{MaxSessionDuration: new(int32(3600))}), validation, "MaxSessionDuration belongs to roles only. Leave it out for a user."},
			"an account that there is not":   {role(trust("999999999999"), nil), malformed, "Policy contains a statement with one or more invalid principals."},
			"a user who there is not":        {role(trust(iamBase+"user/nobody"), nil), malformed, "Policy contains a statement with one or more invalid principals."},
			"a policy with a resource":       {role(new(allow("sts:AssumeRole")), nil), malformed, ""},
			"a policy too large":             {role(new(*trust(account)+strings.Repeat(" ", 32769)), nil), "LimitExceededException", "The policy is larger than 32768 bytes."},
			"sessions of half a day and a second": {role(trust(account), new(int32(43201))), validation,
				one + "Value '43201' at 'maxSessionDuration' failed to satisfy constraint: Member must have value less than or equal to 43200"},
			"51 tags": {user(api.CreatePrincipalInput{Tags: tagMap(51)}), tagError, "Too many tags"},
			"a path that does not end": {user(api.CreatePrincipalInput{Path: new("/a")}), validation,
				one + `Value '/a' at 'path' failed to satisfy constraint: Member must satisfy regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F)`},
			"a name too long": {&api.CreatePrincipalInput{Kind: new("user"), Name: new(strings.Repeat("n", 65))}, validation,
				one + "Value '" + strings.Repeat("n", 65) + "' at 'name' failed to satisfy constraint: Member must have length less than or equal to 64"},
			"neither kind nor name": {&api.CreatePrincipalInput{}, validation,
				"2 validation errors detected: Value null at 'kind' failed to satisfy constraint: Member must not be null; Value null at 'name' failed to satisfy constraint: Member must not be null"},
		} {
			t.Run(story, func(t *testing.T) {
				err := b.recorded(t, kms.Request{Operation: "CreatePrincipal", Caller: b.root(), Input: c.in})
				if c.text == "" {
					refused(t, err, c.name)
					return
				}
				refused(t, err, c.name, c.text)
			})
		}
	})
	must[any](b, "CreatePrincipal", user(api.CreatePrincipalInput{Tags: tagMap(50)}))
}

func tagMap(n int) map[string]string {
	tags := map[string]string{}
	for i := range n {
		tags[fmt.Sprintf("tag-%02d", i)] = "v"
	}
	return tags
}

func TestAPrincipalIsNamedInManyWaysAndOnlyInItsAccount(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	alice := b.user("alice")
	b.userOf(otherAccount, "alice")
	b.role("night", "")
	for ref, want := range map[string]string{"user/alice": alice.ARN, "user/ALICE": alice.ARN, alice.PrincipalID: alice.ARN, alice.ARN: alice.ARN} {
		if got := b.person(ref).Arn; got != want {
			t.Errorf("%s is %s", ref, got)
		}
	}
	abroad := mustAs[*api.DescribePrincipalOutput](b, b.rootOf(otherAccount), "DescribePrincipal", &api.DescribePrincipalInput{Principal: new("user/alice")}).Principal
	for _, ref := range []string{"alice", "role/alice", "group/alice", "user/", "user/alice/", iamBase + "user/ALICE", iamBase + "user/team/alice", iamBase + "root",
		account, abroad.Arn, abroad.PrincipalID, alice.PrincipalID + ":x", "arn:aws:sts::" + account + ":assumed-role/night/me", "AIDANOBODY"} {
		for _, operation := range []string{"DescribePrincipal", "DeletePrincipal"} {
			in := sample(t, operation, subject{principal: ref})
			refused(t, b.recorded(t, kms.Request{Operation: operation, Caller: b.root(), Input: in}), noSuchKey, "Principal '"+ref+"' does not exist")
		}
	}
}

func TestANameIsTakenWhateverItsCaseAndPath(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	b.user("alice")
	for _, c := range []struct{ name, path string }{{"alice", "/"}, {"ALICE", "/"}, {"Alice", "/team/"}} {
		_, err := try[any](b, "CreatePrincipal", &api.CreatePrincipalInput{Kind: new("user"), Name: &c.name, Path: &c.path})
		refused(t, err, alreadyExists, "A principal with the name of "+iamBase+"user/alice already exists. "+
			"Names are unique in an account among users and among roles, ignoring case and path.")
	}
	b.role("alice", "")
	b.userOf(otherAccount, "alice")
}

func TestUpdatePrincipalChangesWhatIsGivenAndNothingElse(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	role := b.role("night", "")
	same := func(story string, in *api.UpdatePrincipalInput, want api.Principal) api.Principal {
		t.Helper()
		in.Principal = &role.Arn
		got := must[*api.UpdatePrincipalOutput](b, "UpdatePrincipal", in).Principal
		if now := b.person(role.Arn); !reflect.DeepEqual(got, want) || !reflect.DeepEqual(now, want) {
			t.Errorf("%s: answered %+v\nit is %+v\nwant %+v", story, got, now, want)
		}
		return want
	}
	want := same("nothing", &api.UpdatePrincipalInput{}, role)
	want.Description = "for the night shift"
	want = same("the description", &api.UpdatePrincipalInput{Description: &want.Description}, want)
	want.Tags = map[string]string{"team": "blue"}
	want = same("tags", &api.UpdatePrincipalInput{Tags: want.Tags}, want)
	want.MaxSessionDuration = 7200
	want = same("the session duration", &api.UpdatePrincipalInput{MaxSessionDuration: &want.MaxSessionDuration}, want)
	want.TrustPolicy = fmt.Sprintf(assumedByAccount, otherAccount)
	want = same("the trust policy", &api.UpdatePrincipalInput{TrustPolicy: &want.TrustPolicy}, want)
	want.Description, want.Tags = "", nil
	same("away with tags and description", &api.UpdatePrincipalInput{Description: new(""), Tags: map[string]string{}}, want)

	alice := b.user("alice")
	for member, in := range map[string]*api.UpdatePrincipalInput{
		"TrustPolicy": {Principal: &alice.ARN, TrustPolicy: &role.TrustPolicy}, "MaxSessionDuration": {Principal: &alice.ARN, MaxSessionDuration: new(int32(3600))},
	} {
		_, err := try[any](b, "UpdatePrincipal", in)
		refused(t, err, validation, member+" belongs to roles only. Leave it out for a user.")
	}
}

func TestADisabledPrincipalIsShutOutAndComesBack(t *testing.T) {
	b := newBench(t)
	alice, role := b.user("alice", allow("kms:ListKeys")), b.role("night", "", allow("kms:ListKeys"))
	session := b.session(role, "me")
	for _, c := range []struct {
		caller kms.Caller
		ref    string
	}{{alice, "user/alice"}, {session, "role/night"}} {
		if err := b.knows(c.caller); err != nil {
			t.Fatal(err)
		}
		if p := must[*api.DisablePrincipalOutput](b, "DisablePrincipal", &api.DisablePrincipalInput{Principal: &c.ref}).Principal; p.State != "Inactive" || b.person(c.ref).State != "Inactive" {
			t.Errorf("%s is %s", c.ref, p.State)
		}
		refused(t, b.knows(c.caller), unrecognized)
		must[any](b, "DisablePrincipal", &api.DisablePrincipalInput{Principal: &c.ref})
		if p := must[*api.EnablePrincipalOutput](b, "EnablePrincipal", &api.EnablePrincipalInput{Principal: &c.ref}).Principal; p.State != "Active" {
			t.Errorf("%s is %s", c.ref, p.State)
		}
		if err := b.knows(c.caller); err != nil {
			t.Errorf("%s does not come back: %v", c.ref, err)
		}
	}
}

// A caller's claim must fit its rows in every part.
func TestACallerWhoIsNotWhoItSaysIsNotRecognized(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	alice, role := b.user("alice", allow("kms:ListKeys")), b.role("night", "", allow("kms:ListKeys"))
	b.userOf(otherAccount, "alice", allow("kms:ListKeys"))
	session := b.session(role, "me")
	for story, claim := range map[string]func(kms.Caller, kms.Caller) kms.Caller{
		"a user of another account":     func(u, _ kms.Caller) kms.Caller { u.Account = otherAccount; return u },
		"a user of no account":          func(u, _ kms.Caller) kms.Caller { u.Account = "999999999999"; return u },
		"a user who is not":             func(u, _ kms.Caller) kms.Caller { u.PrincipalID = "AIDANOBODY"; return u },
		"a role without a session":      func(u, _ kms.Caller) kms.Caller { u.PrincipalID = role.PrincipalID; return u },
		"a session of a user":           func(u, s kms.Caller) kms.Caller { s.Session.Role = kms.PrincipalID(u.PrincipalID); return s },
		"a user with a key of nobody's": func(u, _ kms.Caller) kms.Caller { u.AccessKeyID = "AKIANOBODY"; return u },
		"the root of no account":        func(kms.Caller, kms.Caller) kms.Caller { return b.rootOf("999999999999") },
	} {
		t.Run(story, func(t *testing.T) {
			s := session
			s.Session = new(*session.Session)
			caller := claim(alice, s)
			refused(t, b.recorded(t, kms.Request{Operation: "ListKeys", Caller: caller, Input: &api.ListKeysInput{}}), unrecognized, "The security token included in the request is invalid.")
			err := b.recorded(t, kms.Request{Operation: "DescribeKey", Caller: caller, Input: &api.DescribeKeyInput{KeyID: new(unknownID)}})
			refused(t, err, unrecognized)
		})
	}
	if err := b.knows(session); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(3600e9)
	refused(t, b.knows(session), "ExpiredTokenException")
}

func TestPrincipalsAreListedByKindInPagesOfEverySize(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	b.userOf(otherAccount, "stranger")
	want := map[string][]string{}
	for i := range 4 {
		want["user"] = append(want["user"], b.user(fmt.Sprintf("user-%d", i)).PrincipalID)
		want["role"] = append(want["role"], b.role(fmt.Sprintf("role-%d", i), "").PrincipalID)
	}
	slices.Sort(want["user"])
	slices.Sort(want["role"])
	want[""] = append(slices.Clone(want["user"]), want["role"]...)
	for _, kind := range slices.Sorted(maps.Keys(want)) {
		for _, limit := range []int32{1, 3, 4, 5, 8, 9, 1000} {
			in := &api.ListPrincipalsInput{Limit: &limit}
			if kind != "" {
				in.Kind = &kind
			}
			var got []string
			for {
				out := must[*api.ListPrincipalsOutput](b, "ListPrincipals", in)
				if len(out.Principals) > int(limit) || out.Truncated != (out.NextMarker != "") {
					t.Fatalf("a page of %d: %+v", limit, out)
				}
				got = append(got, texts(out.Principals, func(p api.Principal) string { return p.PrincipalID })...)
				if in.Marker = &out.NextMarker; !out.Truncated {
					break
				}
			}
			if !slices.Equal(got, want[kind]) {
				t.Errorf("kind %q in pages of %d: %v, want %v", kind, limit, got, want[kind])
			}
		}
	}
}
