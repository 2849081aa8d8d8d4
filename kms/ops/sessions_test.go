package ops_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// assume begins a session of a role.
func (b *bench) assume(as kms.Caller, role, name string) (*api.AssumeRoleOutput, error) {
	b.t.Helper()
	return tryAs[*api.AssumeRoleOutput](b, as, "AssumeRole", &api.AssumeRoleInput{RoleArn: &role, RoleSessionName: &name})
}

func (b *bench) mustAssume(as kms.Caller, role, name string) api.SessionCredentials {
	b.t.Helper()
	out, err := b.assume(as, role, name)
	if err != nil {
		b.t.Fatalf("AssumeRole by %s: %v", as.ARN, err)
	}
	return out.Credentials
}

// enter is the caller that a session's credentials make one.
func (b *bench) enter(c api.SessionCredentials) (kms.Caller, error) {
	b.t.Helper()
	return b.authenticate(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
}

func (b *bench) mustEnter(c api.SessionCredentials) kms.Caller {
	b.t.Helper()
	caller, err := b.enter(c)
	if err != nil {
		b.t.Fatal(err)
	}
	return caller
}

// lastRecord is the newest audit record of an operation.
func (b *bench) lastRecord(operation string) map[string]any {
	b.t.Helper()
	for _, r := range slices.Backward(b.log.all()) {
		if r["eventName"] == operation {
			return r
		}
	}
	b.t.Fatalf("there is no record of %s", operation)
	return nil
}

func TestASessionActsAsItsRoleWhoeverBeganIt(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	role := b.role("reader", "", allowOn(keyARN(key), "kms:DescribeKey"))
	user := b.user("ada", allowOn(role.Arn, "sts:AssumeRole"), deny("kms:*"))
	out, err := b.assume(user, role.Arn, "night-shift@x")
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	sessionARN := "arn:aws:sts::" + account + ":assumed-role/reader/night-shift@x"
	if out.AssumedRoleUser.Arn != sessionARN || out.AssumedRoleUser.AssumedRoleID != role.PrincipalID+":night-shift@x" ||
		c.Expiration != api.TimeOf(b.clock.Now().Add(time.Hour)) || len(c.AccessKeyID) != 20 || c.AccessKeyID[:4] != "ASIA" || len(c.SecretAccessKey) != 40 {
		t.Errorf("got %+v", out)
	}
	for _, restart := range []func(){func() {}, b.reopen, b.crash} {
		restart()
		caller := b.mustEnter(c)
		who, err := b.whoami(caller)
		if err != nil || who.Arn != sessionARN || who.UserID != role.PrincipalID+":night-shift@x" || who.Account != account {
			t.Errorf("it makes one %+v, %v", who, err)
		}
		mustAs[any](b, caller, "DescribeKey", &api.DescribeKeyInput{KeyID: &key})
		_, err = tryAs[any](b, caller, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")})
		refused(t, err, denied, "User: "+sessionARN+" is not authorized to perform: kms:Encrypt on resource: "+keyARN(key)+
			" because no identity-based policy allows the kms:Encrypt action")
	}
}

func TestTheRecordOfASessionNamesItsRoleAndTheOneThatBeganItNamesItsKey(t *testing.T) {
	b := newBench(t)
	role := b.role("reader", "")
	c := b.mustAssume(b.root(), role.Arn, "night")
	began := b.lastRecord("AssumeRole")
	response, _ := began["responseElements"].(map[string]any)
	credentials, _ := response["credentials"].(map[string]any)
	if began["eventSource"] != "sts.amazonaws.com" || began["readOnly"] != true || credentials["accessKeyId"] != c.AccessKeyID || len(credentials) != 2 {
		t.Errorf("it is recorded as %v", began)
	}
	b.clock.Advance(90 * time.Second)
	if _, err := b.whoami(b.mustEnter(c)); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type": "AssumedRole", "principalId": role.PrincipalID + ":night", "arn": "arn:aws:sts::" + account + ":assumed-role/reader/night",
		"accountId": account, "accessKeyId": c.AccessKeyID, "sessionContext": map[string]any{
			"sessionIssuer": map[string]any{"type": "Role", "principalId": role.PrincipalID, "arn": role.Arn, "accountId": account, "userName": "reader"},
			"attributes":    map[string]any{"creationDate": "2026-01-02T03:04:05Z", "mfaAuthenticated": "false"},
		},
	}
	if got := b.lastRecord("GetCallerIdentity")["userIdentity"]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("who asked is recorded as\n%v, want\n%v", got, want)
	}

	user := b.user("ada")
	key := b.newAccessKey(user)
	caller, err := b.authenticate(key.AccessKeyID, key.SecretAccessKey, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.whoami(caller); err != nil {
		t.Fatal(err)
	}
	want = map[string]any{"type": "IAMUser", "principalId": user.PrincipalID, "arn": user.ARN, "accountId": account,
		"accessKeyId": key.AccessKeyID, "userName": "ada"}
	if got := b.lastRecord("GetCallerIdentity")["userIdentity"]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the user is recorded as\n%v, want\n%v", got, want)
	}
	if source := b.lastRecord("CreateAccessKey")["eventSource"]; source != "keyhold" {
		t.Errorf("a verb of Keyhold's own has the source %v", source)
	}
}

func TestASessionEndsWhenItsTimeIsOver(t *testing.T) {
	b := newBench(t)
	role := b.role("reader", "")
	out := must[*api.AssumeRoleOutput](b, "AssumeRole", &api.AssumeRoleInput{RoleArn: &role.Arn, RoleSessionName: new("night"), DurationSeconds: new(int32(900))})
	caller := b.mustEnter(out.Credentials)
	b.clock.Advance(15*time.Minute - time.Microsecond)
	b.mustEnter(out.Credentials)
	if _, err := b.whoami(caller); err != nil {
		t.Error(err)
	}
	b.clock.Advance(time.Microsecond)
	const over = "The security token included in the request is expired"
	_, err := b.enter(out.Credentials)
	refused(t, err, api.ExpiredTokenException, over)
	_, err = b.whoami(caller) // authenticated a moment before
	refused(t, err, api.ExpiredTokenException, over)
}

func TestHowLongASessionMayLast(t *testing.T) {
	b := newBench(t)
	short, long := b.role("short", "", allow("sts:AssumeRole")), b.role("long", "", allow("sts:AssumeRole"))
	must[any](b, "UpdatePrincipal", &api.UpdatePrincipalInput{Principal: &long.Arn, MaxSessionDuration: new(int32(43200))})
	chained := b.mustEnter(b.mustAssume(b.root(), long.Arn, "first"))
	const (
		tooLong  = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
		anHour   = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
		atLeast  = one + "Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"
		atMost   = one + "Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"
		aDefault = 0
	)
	for _, c := range []struct {
		story   string
		as      kms.Caller
		role    string
		seconds int32
		lasts   time.Duration
		text    string
	}{
		{"an hour unless said otherwise", b.root(), long.Arn, aDefault, time.Hour, ""},
		{"twelve hours where the role allows it", b.root(), long.Arn, 43200, 12 * time.Hour, ""},
		{"no longer than the role allows", b.root(), short.Arn, 3601, 0, tooLong},
		{"an hour for a session that begins one", chained, long.Arn, 3600, time.Hour, ""},
		{"no more than an hour for it", chained, long.Arn, 3601, 0, anHour},
		{"no less than 15 minutes", b.root(), long.Arn, 899, 0, atLeast},
		{"no more than twelve hours", b.root(), long.Arn, 43201, 0, atMost},
	} {
		t.Run(c.story, func(t *testing.T) {
			in := &api.AssumeRoleInput{RoleArn: &c.role, RoleSessionName: new("night")}
			if c.seconds != aDefault {
				in.DurationSeconds = &c.seconds
			}
			out, err := tryAs[*api.AssumeRoleOutput](b, c.as, "AssumeRole", in)
			if c.text != "" {
				refused(t, err, validation, c.text)
				return
			}
			if err != nil || out.Credentials.Expiration != api.TimeOf(b.clock.Now().Add(c.lasts)) {
				t.Errorf("it ends %v, %v", out, err)
			}
		})
	}
}

func TestWhatBecomesOfSessionsWhenSomethingHappensToTheRole(t *testing.T) {
	do := func(operation string, in func(role api.Principal) kms.Input) func(b *bench, role api.Principal) {
		return func(b *bench, role api.Principal) { must[any](b, operation, in(role)) }
	}
	revoke := do("RevokeSessions", func(r api.Principal) kms.Input { return &api.RevokeSessionsInput{Principal: &r.Arn} })
	remove := do("DeletePrincipal", func(r api.Principal) kms.Input { return &api.DeletePrincipalInput{Principal: &r.Arn} })
	for story, happens := range map[string]func(b *bench, role api.Principal){
		"it is deleted":                  remove,
		"it is made anew under its name": func(b *bench, role api.Principal) { remove(b, role); b.role("reader", "", allow("*")) },
		"it is disabled":                 do("DisablePrincipal", func(r api.Principal) kms.Input { return &api.DisablePrincipalInput{Principal: &r.Arn} }),
		"its sessions are revoked at the instant at which they began": revoke,
		"its sessions are revoked later":                              func(b *bench, role api.Principal) { b.clock.Advance(time.Minute); revoke(b, role) },
		"they are revoked after the clock was set back":               func(b *bench, role api.Principal) { b.clock.Advance(-time.Minute); revoke(b, role) },
	} {
		t.Run(story, func(t *testing.T) {
			b := newBench(t)
			role := b.role("reader", "", allow("kms:*"))
			c := b.mustAssume(b.root(), role.Arn, "night")
			caller := b.mustEnter(c)
			happens(b, role)
			for _, restart := range []func(){func() {}, b.reopen} {
				restart()
				_, err := b.enter(c)
				refused(t, err, api.UnrecognizedClientException, notRecognised)
				_, err = tryAs[any](b, caller, "ListKeys", &api.ListKeysInput{})
				refused(t, err, api.UnrecognizedClientException, notRecognised)
			}
		})
	}
}

// Sessions that are begun and revoked by turns, all at one instant of the clock, are told apart.
func TestARevocationEndsWhatWasBegunBeforeItAndNothingElse(t *testing.T) {
	b := newBench(t)
	role, other := b.role("reader", ""), b.role("writer", "")
	untouched := b.mustAssume(b.root(), other.Arn, "night")
	var ended []api.SessionCredentials
	for range 3 {
		c := b.mustAssume(b.root(), role.Arn, "night")
		b.mustEnter(c)
		out := must[*api.RevokeSessionsOutput](b, "RevokeSessions", &api.RevokeSessionsInput{Principal: &role.Arn})
		if out.SessionsRevokedBefore < api.TimeOf(b.clock.Now()) {
			t.Errorf("it says that sessions up to %v are revoked", out.SessionsRevokedBefore)
		}
		ended = append(ended, c)
		for i, c := range ended {
			_, err := b.enter(c)
			if err == nil {
				t.Errorf("session %d lives", i)
				continue
			}
			refused(t, err, api.UnrecognizedClientException, notRecognised)
		}
	}
	b.mustEnter(b.mustAssume(b.root(), role.Arn, "night"))
	b.mustEnter(untouched)
	user := b.user("ada")
	_, err := try[any](b, "RevokeSessions", &api.RevokeSessionsInput{Principal: &user.ARN})
	refused(t, err, unsupported, user.ARN+" is a user, and has no sessions. Disable or delete its access keys.")
}

func TestSessionsBeginSessions(t *testing.T) {
	b := newBench(t)
	second := b.role("second", "", allow("kms:ListKeys"))
	trust := fmt.Sprintf(assumedByAccount, "arn:aws:iam::"+account+":role/first")
	first := b.role("first", "", allow("sts:AssumeRole"))
	must[any](b, "UpdatePrincipal", &api.UpdatePrincipalInput{Principal: &second.Arn, TrustPolicy: &trust})
	_, err := b.assume(b.root(), second.Arn, "night") // the owner is not the one that it trusts
	refused(t, err, denied)
	caller := b.mustEnter(b.mustAssume(b.root(), first.Arn, "one"))
	deep := b.mustEnter(b.mustAssume(caller, second.Arn, "two"))
	mustAs[any](b, deep, "ListKeys", &api.ListKeysInput{})
	_, err = b.assume(deep, first.Arn, "three")
	refused(t, err, denied)
	// The chain is no chain: what becomes of the first session does not touch the second.
	must[any](b, "RevokeSessions", &api.RevokeSessionsInput{Principal: &first.Arn})
	mustAs[any](b, deep, "ListKeys", &api.ListKeysInput{})
	_, err = b.assume(caller, second.Arn, "four")
	refused(t, err, api.UnrecognizedClientException, notRecognised)
}

func TestARoleOfAnotherAccountNeedsBothSides(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	open := b.roleOf(otherAccount, "open", fmt.Sprintf(assumedByAccount, account))
	shut := b.roleOf(otherAccount, "shut", "")
	may, mayNot := b.user("may", allow("sts:*")), b.user("may-not")
	c := b.mustAssume(may, open.Arn, "visit")
	if who, err := b.whoami(b.mustEnter(c)); err != nil || who.Account != otherAccount {
		t.Errorf("it makes one %+v, %v", who, err)
	}
	absent := "arn:aws:iam::" + otherAccount + ":role/absent"
	hidden := func(caller kms.Caller, role string) string {
		return "User: " + caller.ARN + " is not authorized to perform: sts:AssumeRole on resource: " + role +
			" because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
	}
	for _, c := range []struct {
		story string
		as    kms.Caller
		role  string
	}{
		{"the caller's account does not allow it", mayNot, open.Arn}, {"the role's does not", may, shut.Arn}, {"neither does", mayNot, shut.Arn},
		{"there is no such role", may, absent}, {"there is no such account", may, "arn:aws:iam::999988887777:role/open"},
		{"it is a user", may, "arn:aws:iam::" + otherAccount + ":user/open"}, {"it is a session", may, "arn:aws:sts::" + otherAccount + ":assumed-role/open/visit"},
	} {
		t.Run(c.story, func(t *testing.T) {
			_, err := b.assume(c.as, c.role, "visit")
			refused(t, err, denied, hidden(c.as, c.role))
		})
	}
	root := b.rootOf(otherAccount)
	for operation, back := range map[string]string{"DisablePrincipal": "EnablePrincipal", "DisableAccount": "EnableAccount"} {
		toggle := map[string]kms.Input{
			"DisablePrincipal": &api.DisablePrincipalInput{Principal: &open.Arn}, "EnablePrincipal": &api.EnablePrincipalInput{Principal: &open.Arn},
			"DisableAccount": &api.DisableAccountInput{AccountID: new(otherAccount)}, "EnableAccount": &api.EnableAccountInput{AccountID: new(otherAccount)},
		}
		as := root
		if operation == "DisableAccount" {
			as = b.root()
		}
		mustAs[any](b, as, operation, toggle[operation])
		_, err := b.assume(may, open.Arn, "visit")
		refused(t, err, denied, hidden(may, open.Arn))
		mustAs[any](b, as, back, toggle[back])
		b.mustAssume(may, open.Arn, "visit")
	}
}

func TestNoRootButTheOwnerOfTheDirectoryAssumesRoles(t *testing.T) {
	b := newBench(t)
	role, ada := b.role("reader", ""), b.user("ada")
	picky := b.role("picky", fmt.Sprintf(assumedByAccount, ada.ARN))
	remote := b.root()
	remote.Local = false
	_, err := b.assume(remote, role.Arn, "night")
	refused(t, err, denied, "Roles may not be assumed by root accounts.")
	b.mustAssume(b.root(), role.Arn, "night")
	_, err = b.assume(b.root(), picky.Arn, "night") // the trust policy holds for the owner too
	refused(t, err, denied)
	user := b.user("bob", allow("sts:AssumeRole"))
	asUser := "arn:aws:iam::" + account + ":user/bob"
	for _, target := range []string{asUser, "arn:aws:iam::" + account + ":root", "arn:aws:iam::" + account + ":role/absent", picky.Arn} {
		for _, as := range []kms.Caller{b.root(), user} {
			_, err := b.assume(as, target, "night")
			refused(t, err, denied, "User: "+as.ARN+" is not authorized to perform: sts:AssumeRole on resource: "+target)
		}
	}
}

func TestATrustPolicyAsksForAnExternalIDOrASessionName(t *testing.T) {
	b := newBench(t)
	const form = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"%s":"%s"}}}]}`
	external, named := b.role("external", fmt.Sprintf(form, account, "sts:ExternalId", "contract/17")), b.role("named", fmt.Sprintf(form, account, "sts:RoleSessionName", "night"))
	ask := func(role, name string, id *string) error {
		return errOf(try[any](b, "AssumeRole", &api.AssumeRoleInput{RoleArn: &role, RoleSessionName: &name, ExternalID: id}))
	}
	for story, c := range map[string]struct {
		err  error
		fine bool
	}{
		"the id": {ask(external.Arn, "x1", new("contract/17")), true}, "another id": {ask(external.Arn, "x1", new("contract/18")), false},
		"no id": {ask(external.Arn, "x1", nil), false}, "the name": {ask(named.Arn, "night", nil), true}, "another name": {ask(named.Arn, "day", nil), false},
	} {
		if c.fine != (c.err == nil) {
			t.Errorf("%s: %v", story, c.err)
		} else if !c.fine {
			refused(t, c.err, denied)
		}
	}
}

func TestWhatWouldRestrictASessionIsRefusedByName(t *testing.T) {
	b := newBench(t)
	role := b.role("reader", "")
	for member, set := range map[string]func(*api.AssumeRoleInput){
		"Policy":            func(in *api.AssumeRoleInput) { in.Policy = new("{}") },
		"PolicyArns":        func(in *api.AssumeRoleInput) { in.PolicyArns = []api.PolicyDescriptor{{}} },
		"Tags":              func(in *api.AssumeRoleInput) { in.Tags = []api.SessionTag{{}} },
		"TransitiveTagKeys": func(in *api.AssumeRoleInput) { in.TransitiveTagKeys = []string{"a"} },
		"SerialNumber":      func(in *api.AssumeRoleInput) { in.SerialNumber = new("arn:aws:iam::1:mfa/a") },
		"TokenCode":         func(in *api.AssumeRoleInput) { in.TokenCode = new("123456") },
		"SourceIdentity":    func(in *api.AssumeRoleInput) { in.SourceIdentity = new("ada") },
		"ProvidedContexts":  func(in *api.AssumeRoleInput) { in.ProvidedContexts = []api.SessionContextProof{{}} },
	} {
		in := &api.AssumeRoleInput{RoleArn: &role.Arn, RoleSessionName: new("night")}
		set(in)
		_, err := try[any](b, "AssumeRole", in)
		refused(t, err, unsupported, member+" is not supported by this server. Leave it out: a session has the policies of its role, and nothing else.")
	}
	must[any](b, "AssumeRole", &api.AssumeRoleInput{RoleArn: &role.Arn, RoleSessionName: new("night"), Tags: []api.SessionTag{}})
	for text, in := range map[string]*api.AssumeRoleInput{
		one + "Value null at 'roleArn' failed to satisfy constraint: Member must not be null":                                              {RoleSessionName: new("night")},
		one + "Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null":                                      {RoleArn: &role.Arn},
		one + "Value 'x' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2":            {RoleArn: &role.Arn, RoleSessionName: new("x")},
		one + `Value 'a/b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`: {RoleArn: &role.Arn, RoleSessionName: new("a/b")},
		one + "Value 'x' at 'externalId' failed to satisfy constraint: Member must have length greater than or equal to 2":                 {RoleArn: &role.Arn, RoleSessionName: new("night"), ExternalID: new("x")},
		role.PrincipalID + " is invalid": {RoleArn: &role.PrincipalID, RoleSessionName: new("night")},
	} {
		_, err := try[any](b, "AssumeRole", in)
		refused(t, err, validation, text)
	}
}
