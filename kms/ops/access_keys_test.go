package ops_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// authenticate is the caller that an access key makes one, if the secret is right.
func (b *bench) authenticate(id string, secret api.SecretText, token api.SecretText) (kms.Caller, error) {
	b.t.Helper()
	c, err := b.service.Credential(b.t.Context(), kms.AccessKeyID(id), string(token))
	if err == nil && string(c.Secret.Reveal()) != string(secret) {
		b.t.Errorf("the secret of %s is another one", id)
	}
	if err != nil && (c.Secret.Len() != 0 || c.Caller != (kms.Caller{})) {
		b.t.Errorf("%s is refused, and comes with %d octets of a secret and caller %+v", id, c.Secret.Len(), c.Caller)
	}
	return c.Caller, err
}

// whoami asks STS who a caller is.
func (b *bench) whoami(caller kms.Caller) (*api.GetCallerIdentityOutput, error) {
	b.t.Helper()
	return tryAs[*api.GetCallerIdentityOutput](b, caller, "GetCallerIdentity", &api.GetCallerIdentityInput{})
}

func TestAnAccessKeyMakesOneItsUser(t *testing.T) {
	b := newBench(t)
	user := b.user("ada")
	key := b.newAccessKey(user)
	if !strings.HasPrefix(key.AccessKeyID, "AKIA") || len(key.AccessKeyID) != 20 || key.Principal != user.ARN || key.CreateDate != api.TimeOf(b.clock.Now()) {
		t.Errorf("got %+v", key)
	}
	if octets, err := base64.StdEncoding.DecodeString(string(key.SecretAccessKey)); err != nil || len(octets) != 30 || len(key.SecretAccessKey) != 40 {
		t.Errorf("the secret has %d characters for %d octets: %v", len(key.SecretAccessKey), len(octets), err)
	}
	for _, restart := range []func(){func() {}, b.reopen} {
		restart()
		caller, err := b.authenticate(key.AccessKeyID, key.SecretAccessKey, "")
		if err != nil {
			t.Fatal(err)
		}
		who, err := b.whoami(caller)
		if err != nil || who.Arn != user.ARN || who.UserID != user.PrincipalID || who.Account != account {
			t.Errorf("it makes one %+v, %v", who, err)
		}
	}
	if another := b.newAccessKey(user); another.SecretAccessKey == key.SecretAccessKey || another.AccessKeyID == key.AccessKeyID {
		t.Error("the second access key is like the first")
	}
	who := must[*api.GetCallerIdentityOutput](b, "GetCallerIdentity", &api.GetCallerIdentityInput{})
	if who.Arn != "arn:aws:iam::"+account+":root" || who.UserID != account || who.Account != account {
		t.Errorf("root is %+v", who)
	}
}

// appearances are the forms in which a secret could stand somewhere.
func appearances(secret string) []string {
	octets := []byte(secret)
	raw, _ := base64.StdEncoding.DecodeString(secret)
	return []string{secret, base64.StdEncoding.EncodeToString(octets)[:50], base64.RawURLEncoding.EncodeToString(octets)[:50],
		hex.EncodeToString(octets), hex.EncodeToString(raw), string(raw)}
}

func TestASecretIsShownOnceAndStandsNowhere(t *testing.T) {
	var log lockedBuffer
	b := newBench(t, func(c *kms.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	user, role := b.user("ada"), b.role("reader", "")
	key := b.newAccessKey(user)
	session := must[*api.AssumeRoleOutput](b, "AssumeRole", &api.AssumeRoleInput{RoleArn: &role.Arn, RoleSessionName: new("night")}).Credentials
	if _, err := b.authenticate(key.AccessKeyID, key.SecretAccessKey, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := b.authenticate(session.AccessKeyID, session.SecretAccessKey, session.SessionToken); err != nil {
		t.Fatal(err)
	}
	list := must[*api.ListAccessKeysOutput](b, "ListAccessKeys", &api.ListAccessKeysInput{Principal: &user.ARN})
	must[any](b, "DisableAccessKey", &api.DisableAccessKeyInput{AccessKeyID: &key.AccessKeyID})
	_, _ = b.authenticate(key.AccessKeyID, key.SecretAccessKey, "")
	b.device.FailNext(kmstest.MethodRandom, 3, context.DeadlineExceeded) // something for the log
	_, _ = try[any](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &user.ARN})
	b.reopen()

	places := map[string]string{
		"the log": log.String(), "the list": mustEncode(t, list),
		"a formatted answer": fmt.Sprintf("%v %+v %#v %s %x %v", key, *key, *key, key.SecretAccessKey, session.SecretAccessKey, session),
	}
	records, err := json.Marshal(b.log.all())
	if err != nil {
		t.Fatal(err)
	}
	places["the audit log"] = string(records)
	err = filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		places[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range places {
		for _, secret := range []api.SecretText{key.SecretAccessKey, session.SecretAccessKey, session.SessionToken} {
			if i := slices.IndexFunc(appearances(string(secret)), func(s string) bool { return s != "" && strings.Contains(text, s) }); i >= 0 {
				t.Errorf("a secret stands in %s, in form %d", place, i)
			}
		}
	}
	if !strings.Contains(places["the audit log"], session.AccessKeyID) || !strings.Contains(places["the audit log"], key.AccessKeyID) {
		t.Error("the audit log does not say which credentials were made")
	}
	if !strings.Contains(mustEncode(t, key), `"SecretAccessKey":"`+string(key.SecretAccessKey)+`"`) {
		t.Error("the answer itself does not show the secret")
	}
}

// lockedBuffer is for logs, which several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestAUserHasTwoAccessKeysAtMost(t *testing.T) {
	b := newBench(t)
	user := b.user("ada")
	var all sync.WaitGroup
	var mu sync.Mutex
	var made []string
	for range 8 {
		all.Go(func() {
			out, err := try[*api.CreateAccessKeyOutput](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &user.ARN})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused(t, err, "LimitExceededException", user.ARN+" has 2 access keys, and may not have more. Delete one first.")
				return
			}
			made = append(made, out.AccessKeyID)
		})
	}
	all.Wait()
	slices.Sort(made)
	list := must[*api.ListAccessKeysOutput](b, "ListAccessKeys", &api.ListAccessKeysInput{Principal: &user.ARN})
	if len(made) != 2 || len(list.AccessKeys) != 2 || list.AccessKeys[0].AccessKeyID != made[0] || list.AccessKeys[1].AccessKeyID != made[1] || list.Principal != user.ARN {
		t.Fatalf("%v were made and %+v are listed", made, list)
	}
	must[any](b, "DisableAccessKey", &api.DisableAccessKeyInput{AccessKeyID: &made[0]})
	list = must[*api.ListAccessKeysOutput](b, "ListAccessKeys", &api.ListAccessKeysInput{Principal: new("user/ada")})
	if list.AccessKeys[0].State != "Inactive" || list.AccessKeys[1].State != "Active" || list.AccessKeys[1].CreateDate == 0 {
		t.Errorf("listed are %+v", list.AccessKeys)
	}
	must[any](b, "DeleteAccessKey", &api.DeleteAccessKeyInput{AccessKeyID: &made[0], Principal: &user.ARN})
	b.newAccessKey(user)
	role := b.role("reader", "")
	_, err := try[any](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &role.Arn})
	refused(t, err, unsupported)
}

// A server's cache of what was derived from a secret must not outlive it.
func TestWhoDerivesFromASecretIsToldBeforeTheCallThatDropsItReturns(t *testing.T) {
	b := newBench(t)
	user := b.user("ada")
	key, other := b.newAccessKey(user), b.newAccessKey(b.user("bob"))
	var dropped []string
	b.service.OnCredentialDropped(func(id kms.AccessKeyID) {
		_, err := b.service.Credential(t.Context(), id, "")
		dropped = append(dropped, fmt.Sprint(id, " ", err == nil))
	})
	id := key.AccessKeyID
	for _, step := range []struct {
		operation string
		in        kms.Input
		want      []string
	}{
		{"DisableAccessKey", &api.DisableAccessKeyInput{AccessKeyID: &id}, []string{id + " false"}},
		{"EnableAccessKey", &api.EnableAccessKeyInput{AccessKeyID: &id}, []string{id + " true"}},
		{"DeleteAccessKey", &api.DeleteAccessKeyInput{AccessKeyID: &id}, []string{id + " false"}},
		{"DeletePrincipal", &api.DeletePrincipalInput{Principal: new("user/bob")}, []string{other.AccessKeyID + " false"}},
		{"DisablePrincipal", &api.DisablePrincipalInput{Principal: &user.ARN}, nil},
	} {
		dropped = nil
		must[any](b, step.operation, step.in)
		if !slices.Equal(dropped, step.want) {
			t.Errorf("%s told of %v, want %v", step.operation, dropped, step.want)
		}
	}
}

func TestASecretIsOpenedOnceAndNotAgainUntilItsRowChanges(t *testing.T) {
	b := newBench(t)
	key := b.newAccessKey(b.user("ada"))
	b.reopen()
	ask := func() int {
		before := b.device.Calls(kmstest.MethodDecrypt) + b.device.Calls(kmstest.MethodMAC)
		if _, err := b.authenticate(key.AccessKeyID, key.SecretAccessKey, ""); err != nil {
			t.Fatal(err)
		}
		return b.device.Calls(kmstest.MethodDecrypt) + b.device.Calls(kmstest.MethodMAC) - before
	}
	if first, second := ask(), ask(); first == 0 || second != 0 {
		t.Errorf("the first time takes %d calls of the token, the second %d", first, second)
	}
	must[any](b, "EnableAccessKey", &api.EnableAccessKeyInput{AccessKeyID: &key.AccessKeyID})
	if again := ask(); again == 0 {
		t.Error("the secret was kept although the row has changed")
	}
	before, err := b.service.Credential(t.Context(), kms.AccessKeyID(key.AccessKeyID), "")
	if err != nil {
		t.Fatal(err)
	}
	before.Secret.Wipe() // the receiver's own copy
	ask()
}

func TestTheOwnerOfAThrowAwayDirectoryBringsCredentials(t *testing.T) {
	dev := newBenchOf(t, kms.Identity{Account: account, Region: region, Dev: true})
	user := dev.user("ada", allow("keyhold:*"))
	secret := api.SecretText("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	brought := func(id string) *api.CreateAccessKeyInput {
		return &api.CreateAccessKeyInput{Principal: &user.ARN, AccessKeyID: &id, SecretAccessKey: &secret}
	}
	out := must[*api.CreateAccessKeyOutput](dev, "CreateAccessKey", brought("test"))
	if out.AccessKeyID != "test" || out.SecretAccessKey != secret {
		t.Errorf("got %s", out.AccessKeyID)
	}
	caller, err := dev.authenticate("test", secret, "")
	if err != nil || caller.ARN != user.ARN {
		t.Fatalf("it makes one %s, %v", caller.ARN, err)
	}
	_, err = try[any](dev, "CreateAccessKey", brought("test"))
	refused(t, err, "AlreadyExistsException", "An access key with the id test already exists.")
	first, err := dev.service.Credential(t.Context(), "test", "")
	if err != nil {
		t.Fatal(err)
	}
	must[any](dev, "DeleteAccessKey", &api.DeleteAccessKeyInput{AccessKeyID: new("test")})
	secret = "another"
	must[any](dev, "CreateAccessKey", brought("test"))
	second, err := dev.service.Credential(t.Context(), "test", "")
	if err != nil || second.Fingerprint == first.Fingerprint || string(second.Secret.Reveal()) != "another" {
		t.Errorf("another secret of the same id has the fingerprint of the first, %v", err)
	}

	remote := dev.root()
	remote.Local = false
	for story, ask := range map[string]func() error{
		"a user":                                 func() error { return errOf(tryAs[any](dev, user, "CreateAccessKey", brought("mine"))) },
		"a root that does not own the directory": func() error { return errOf(tryAs[any](dev, remote, "CreateAccessKey", brought("mine"))) },
		"the owner of a directory that is not thrown away": func() error {
			real := newBench(t)
			ada := real.user("ada")
			in := brought("mine")
			in.Principal = &ada.ARN
			return errOf(try[any](real, "CreateAccessKey", in))
		},
	} {
		t.Run(story, func(t *testing.T) {
			refused(t, ask(), unsupported, "AccessKeyId and SecretAccessKey are taken only from the owner of a throw-away data directory. "+
				"Leave them out: this server draws both.")
		})
	}
}

// errOf is the error of a pair.
func errOf[T any](_ T, err error) error { return err }
