package ops_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/kmstest"
)

const notRecognised = "The security token included in the request is invalid."

func TestAnAccessKeyThatIsNotInUseMakesOneNobody(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	user := b.userOf(otherAccount, "ada", allow("kms:*"))
	key := b.newAccessKey(user)
	id, root := key.AccessKeyID, b.rootOf(otherAccount)
	caller, err := b.authenticate(id, key.SecretAccessKey, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		story string
		as    kms.Caller
		off   string
		in    kms.Input
		on    string
		back  kms.Input
	}{
		{"a disabled access key", root, "DisableAccessKey", &api.DisableAccessKeyInput{AccessKeyID: &id}, "EnableAccessKey", &api.EnableAccessKeyInput{AccessKeyID: &id}},
		{"a disabled user", root, "DisablePrincipal", &api.DisablePrincipalInput{Principal: &user.ARN}, "EnablePrincipal", &api.EnablePrincipalInput{Principal: &user.ARN}},
		{"a disabled account", b.root(), "DisableAccount", &api.DisableAccountInput{AccountID: new(otherAccount)}, "EnableAccount", &api.EnableAccountInput{AccountID: new(otherAccount)}},
		{"a deleted access key", root, "DeleteAccessKey", &api.DeleteAccessKeyInput{AccessKeyID: &id}, "", nil},
	} {
		mustAs[any](b, c.as, c.off, c.in)
		for _, restart := range []func(){func() {}, b.reopen} {
			restart()
			_, err := b.authenticate(id, key.SecretAccessKey, "")
			refused(t, err, api.UnrecognizedClientException, notRecognised)
			// Who was authenticated a moment before is let in no more either.
			_, err = b.whoami(caller)
			refused(t, err, api.UnrecognizedClientException, notRecognised)
		}
		if c.back == nil {
			continue
		}
		mustAs[any](b, c.as, c.on, c.back)
		if again, err := b.authenticate(id, key.SecretAccessKey, ""); err != nil || again != caller {
			t.Errorf("%s: afterwards it makes one %+v, %v", c.story, again, err)
		}
		if _, err := b.whoami(caller); err != nil {
			t.Errorf("%s: afterwards: %v", c.story, err)
		}
	}
}

func TestIdsThatStandForNothingAreAllAnsweredAlike(t *testing.T) {
	b := newBench(t)
	user := b.user("ada")
	key := b.newAccessKey(user)
	gone := b.newAccessKey(user)
	recreated := b.user("bob")
	old := b.newAccessKey(recreated)
	must[any](b, "DeleteAccessKey", &api.DeleteAccessKeyInput{AccessKeyID: &gone.AccessKeyID})
	must[any](b, "DeletePrincipal", &api.DeletePrincipalInput{Principal: &recreated.ARN})
	b.user("bob", allow("*")) // of the same name, and somebody else
	for _, c := range []struct{ story, id, token string }{
		{"an id that nobody has", "AKIA2222222222222222", ""}, {"nothing", "", ""}, {"an id of no form", strings.Repeat("é/\x00", 300), ""},
		{"a deleted one", gone.AccessKeyID, ""}, {"one of a user who is no more", old.AccessKeyID, ""},
		{"an access key with a session's token", key.AccessKeyID, "AQoDYXdzEJr"},
		{"a session's id without its token", "ASIA2222222222222222", ""}, {"a token that is none", "ASIA2222222222222222", "AQoDYXdzEJr"},
		{"another case of letters", strings.ToLower(key.AccessKeyID), ""},
	} {
		t.Run(c.story, func(t *testing.T) {
			_, err := b.authenticate(c.id, key.SecretAccessKey, api.SecretText(c.token))
			refused(t, err, api.UnrecognizedClientException, notRecognised)
		})
	}
	if _, err := b.authenticate(key.AccessKeyID, key.SecretAccessKey, ""); err != nil {
		t.Error(err)
	}
}

func TestATokenThatIsAwayIsNotTakenForAWrongAccessKey(t *testing.T) {
	b := newBench(t)
	key := b.newAccessKey(b.user("ada"))
	b.reopen()
	b.device.SetDown(true)
	_, err := b.authenticate(key.AccessKeyID, key.SecretAccessKey, "")
	refused(t, err, "KeyUnavailableException")
	b.device.SetDown(false)
	b.device.FailNext(kmstest.MethodDecrypt, 1, device.ErrBusy)
	_, err = b.authenticate(key.AccessKeyID, key.SecretAccessKey, "")
	refused(t, err, "ThrottlingException")
	if _, err := b.authenticate(key.AccessKeyID, key.SecretAccessKey, ""); err != nil {
		t.Error(err)
	}
}

// reseal is an operation that no server has: it writes an access key's row as the test says, authenticated like any.
var reseal = kms.Operation[*resealInput, *api.Void]{
	Name: "Reseal", Effect: kms.Mutate, Service: kms.Keyhold,
	Targets: func(in *resealInput) []kms.Target {
		return []kms.Target{kms.AccessKeyOf(&in.id, nil, "keyhold:Reseal")}
	},
	Change: func(_ context.Context, c *kms.Call, in *resealInput) (kms.Change, *api.Void, error) {
		row := c.AccessKey(0)
		row.Rev++
		in.edit(&row)
		return kms.Change{AccessKeys: []kms.AccessKeyRow{row}}, &api.Void{}, nil
	},
}

type resealInput struct {
	id   string
	edit func(*kms.AccessKeyRow)
}

func (*resealInput) Validate() error { return nil }

// Were the codes of rows no obstacle, a sealed secret would still open in its own row only.
func TestASealedSecretOpensInItsOwnRowOnly(t *testing.T) {
	b := newBench(t, func(c *kms.Config) { c.Table = append(slices.Clone(c.Table), reseal) })
	ada, bob := b.user("ada"), b.user("bob")
	mine, other := b.newAccessKey(ada), b.newAccessKey(bob)
	second := b.newAccessKey(ada)
	own := b.accessKeyRow(mine.AccessKeyID)
	stranger := b.encrypt(b.newKey(), string(mine.SecretAccessKey), map[string]string{"keyhold:purpose": "access key",
		"keyhold:access-key": mine.AccessKeyID, "keyhold:principal": ada.PrincipalID, "keyhold:account": account})
	for story, sealed := range map[string][]byte{
		"that of another user's access key": b.accessKeyRow(other.AccessKeyID).Sealed, "that of the user's other one": b.accessKeyRow(second.AccessKeyID).Sealed,
		"a blob of a key of the account": stranger, "no blob": []byte("x"), "nothing": {},
		"an altered one": append(slices.Clone(own.Sealed[:len(own.Sealed)-1]), own.Sealed[len(own.Sealed)-1]^1),
	} {
		t.Run(story, func(t *testing.T) {
			must[any](b, "Reseal", &resealInput{mine.AccessKeyID, func(r *kms.AccessKeyRow) { r.Sealed = sealed }})
			_, err := b.authenticate(mine.AccessKeyID, mine.SecretAccessKey, "")
			refused(t, err, api.UnrecognizedClientException, notRecognised)
			if bad := b.faults(); !slices.Equal(bad, []string{"access key " + mine.AccessKeyID}) {
				t.Errorf("the inspection finds fault with %q", bad)
			}
		})
	}
	must[any](b, "Reseal", &resealInput{mine.AccessKeyID, func(r *kms.AccessKeyRow) { r.Sealed = own.Sealed }})
	if _, err := b.authenticate(mine.AccessKeyID, mine.SecretAccessKey, ""); err != nil {
		t.Error(err)
	}
	if bad := b.faults(); len(bad) != 0 {
		t.Errorf("the inspection finds fault with %q", bad)
	}
}

// faults are the subjects with which an inspection finds fault.
func (b *bench) faults() []string {
	b.t.Helper()
	var bad []string
	err := b.service.Inspect(b.t.Context(), func(f kms.Finding) error {
		if !f.OK {
			bad = append(bad, f.Subject)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return bad
}

func TestAnAccessKeyThatWasChangedOutsideKeyholdIsClosed(t *testing.T) {
	b := newBench(t)
	ada, bob := b.user("ada"), b.user("bob", allow("*"))
	key, _ := b.newAccessKey(ada), b.newAccessKey(bob)
	must[any](b, "DisableAccessKey", &api.DisableAccessKeyInput{AccessKeyID: &key.AccessKeyID})
	row := b.accessKeyRow(key.AccessKeyID)
	for story, edit := range map[string]func(*kms.AccessKeyRow){
		"enabled": func(r *kms.AccessKeyRow) { r.State = kms.Active }, "given to another user": func(r *kms.AccessKeyRow) { r.Principal = kms.PrincipalID(bob.PrincipalID) },
	} {
		t.Run(story, func(t *testing.T) {
			forged := b.accessKeyRow(key.AccessKeyID)
			forged.Rev++
			edit(&forged)
			if err := b.store.Apply(t.Context(), kms.Change{AccessKeys: []kms.AccessKeyRow{forged}}); err != nil {
				t.Fatal(err)
			}
			b.reopen()
			_, err := b.authenticate(key.AccessKeyID, key.SecretAccessKey, "")
			refused(t, err, api.UnrecognizedClientException, notRecognised)
			_, err = try[any](b, "EnableAccessKey", &api.EnableAccessKeyInput{AccessKeyID: &key.AccessKeyID})
			refused(t, err, badState)
			if bad := b.faults(); !slices.Equal(bad, []string{"access key " + key.AccessKeyID}) {
				t.Errorf("the inspection finds fault with %q", bad)
			}
			for _, u := range []kms.Caller{ada, bob} {
				for _, k := range must[*api.ListAccessKeysOutput](b, "ListAccessKeys", &api.ListAccessKeysInput{Principal: &u.ARN}).AccessKeys {
					if k.AccessKeyID == key.AccessKeyID && (k.State != "" || k.CreateDate != 0) {
						t.Errorf("it is listed as %+v", k)
					}
				}
			}
			row.Rev = forged.Rev + 1 // back to what it was, but for the revision
			if err := b.store.Apply(t.Context(), kms.Change{AccessKeys: []kms.AccessKeyRow{row}}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestWhoMayManageAccessKeys(t *testing.T) {
	b := newBench(t)
	other := b.rootOf(b.account(otherAccount))
	ada := b.user("ada", allowOn("arn:aws:iam::"+account+":user/ada", "keyhold:*"))
	key, bobs := b.newAccessKey(ada), b.newAccessKey(b.user("bob"))
	nobody := b.user("nobody")
	// A policy about oneself is enough for oneself, and for nobody else.
	mustAs[any](b, ada, "ListAccessKeys", &api.ListAccessKeysInput{Principal: &ada.ARN})
	mustAs[any](b, ada, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &ada.ARN})
	mustAs[any](b, ada, "DisableAccessKey", &api.DisableAccessKeyInput{AccessKeyID: &key.AccessKeyID})
	mustAs[any](b, ada, "EnableAccessKey", &api.EnableAccessKeyInput{AccessKeyID: &key.AccessKeyID, Principal: new("user/ada")})
	_, err := tryAs[any](b, ada, "DeleteAccessKey", &api.DeleteAccessKeyInput{AccessKeyID: &bobs.AccessKeyID})
	refused(t, err, denied, "User: "+ada.ARN+" is not authorized to perform: keyhold:DeleteAccessKey on resource: arn:aws:iam::"+account+":user/bob "+
		"because no identity-based policy allows the keyhold:DeleteAccessKey action")
	for operation, in := range map[string]kms.Input{
		"CreateAccessKey": &api.CreateAccessKeyInput{Principal: &nobody.ARN}, "ListAccessKeys": &api.ListAccessKeysInput{Principal: &nobody.ARN},
		"EnableAccessKey": &api.EnableAccessKeyInput{AccessKeyID: &key.AccessKeyID}, "DisableAccessKey": &api.DisableAccessKeyInput{AccessKeyID: &key.AccessKeyID},
		"DeleteAccessKey": &api.DeleteAccessKeyInput{AccessKeyID: &key.AccessKeyID}, "RevokeSessions": &api.RevokeSessionsInput{Principal: &ada.ARN},
	} {
		_, err := tryAs[any](b, nobody, operation, in)
		refused(t, err, denied)
	}

	const unknown = "The Access Key with id AKIA2222222222222222 cannot be found."
	for _, c := range []struct {
		story    string
		as       kms.Caller
		id, user string
		text     string
	}{
		{"an unknown access key", b.root(), "AKIA2222222222222222", "", unknown},
		{"another user's", b.root(), key.AccessKeyID, "user/bob", strings.ReplaceAll(unknown, "AKIA2222222222222222", key.AccessKeyID)},
		{"another account's", other, key.AccessKeyID, "", strings.ReplaceAll(unknown, "AKIA2222222222222222", key.AccessKeyID)},
		{"a user that there is not", b.root(), key.AccessKeyID, "user/nothing", "Principal 'user/nothing' does not exist"},
	} {
		t.Run(c.story, func(t *testing.T) {
			in := &api.DeleteAccessKeyInput{AccessKeyID: &c.id}
			if c.user != "" {
				in.Principal = &c.user
			}
			_, err := tryAs[any](b, c.as, "DeleteAccessKey", in)
			refused(t, err, noSuchKey, c.text)
		})
	}
}

func TestMembersOfAccessKeysAreCheckedOneByOne(t *testing.T) {
	b := newBench(t)
	secret, long := api.SecretText("s3cret with blank"), api.SecretText(strings.Repeat("x", 129))
	for story, c := range map[string]struct {
		in   kms.Input
		text string
	}{
		"no user":              {&api.CreateAccessKeyInput{}, one + "Value null at 'principal' failed to satisfy constraint: Member must not be null"},
		"an id without secret": {&api.CreateAccessKeyInput{Principal: new("user/a"), AccessKeyID: new("a")}, one + "Value null at 'secretAccessKey' failed to satisfy constraint: Member must not be null"},
		"a secret without id":  {&api.CreateAccessKeyInput{Principal: new("user/a"), SecretAccessKey: new(api.SecretText("s"))}, one + "Value null at 'accessKeyId' failed to satisfy constraint: Member must not be null"},
		"an id with a slash": {&api.CreateAccessKeyInput{Principal: new("user/a"), AccessKeyID: new("a/b"), SecretAccessKey: new(api.SecretText("s"))},
			one + `Value 'a/b' at 'accessKeyId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w]+`},
		"a session's id": {&api.CreateAccessKeyInput{Principal: new("user/a"), AccessKeyID: new("ASIAX"), SecretAccessKey: new(api.SecretText("s"))},
			one + "Value 'ASIAX' at 'accessKeyId' failed to satisfy constraint: Member must not begin with ASIA, as those of sessions do"},
		"a secret with a blank, which is not shown": {&api.CreateAccessKeyInput{Principal: new("user/a"), AccessKeyID: new("a"), SecretAccessKey: &secret},
			one + `Value at 'secretAccessKey' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0021-\u007E]+`},
		"a long secret, which is not shown": {&api.CreateAccessKeyInput{Principal: new("user/a"), AccessKeyID: new("a"), SecretAccessKey: &long},
			one + "Value at 'secretAccessKey' failed to satisfy constraint: Member must have length less than or equal to 128"},
		"no id": {&api.DeleteAccessKeyInput{}, one + "Value null at 'accessKeyId' failed to satisfy constraint: Member must not be null"},
	} {
		t.Run(story, func(t *testing.T) {
			operation := "CreateAccessKey"
			if _, ok := c.in.(*api.DeleteAccessKeyInput); ok {
				operation = "DeleteAccessKey"
			}
			_, err := try[any](b, operation, c.in)
			refused(t, err, validation, c.text)
		})
	}
}
