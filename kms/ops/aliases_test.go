package ops_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

func (b *bench) createAlias(name, key string) error {
	b.t.Helper()
	_, err := try[*api.CreateAliasOutput](b, "CreateAlias", &api.CreateAliasInput{AliasName: &name, TargetKeyID: &key})
	return err
}

func (b *bench) updateAlias(name, key string) error {
	b.t.Helper()
	_, err := try[*api.UpdateAliasOutput](b, "UpdateAlias", &api.UpdateAliasInput{AliasName: &name, TargetKeyID: &key})
	return err
}

func (b *bench) deleteAlias(name string) error {
	b.t.Helper()
	_, err := try[*api.DeleteAliasOutput](b, "DeleteAlias", &api.DeleteAliasInput{AliasName: &name})
	return err
}

// keyOf is the id of the key that a name stands for.
func (b *bench) keyOf(ref string) string {
	b.t.Helper()
	return must[*api.DescribeKeyOutput](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &ref}).KeyMetadata.KeyID
}

func (b *bench) aliasEntry(name string) api.AliasListEntry {
	b.t.Helper()
	for _, a := range must[*api.ListAliasesOutput](b, "ListAliases", &api.ListAliasesInput{Limit: new(int32(100))}).Aliases {
		if a.AliasName == name {
			return a
		}
	}
	b.t.Fatalf("%s is not listed", name)
	return api.AliasListEntry{}
}

func aliasLimit(key string) string { return keyARN(key) + " has reached the limit of 50 aliases." }

func TestAnAliasNameBeginsWithAliasAndIsTakenOnce(t *testing.T) {
	b := newBench(t)
	key, other := b.newKey(), b.newKey()
	b.newAlias("alias/app", key)
	const prefix = `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`
	exists := "An alias with the name " + arnBase + "alias/app already exists"
	b.unchanged(t, func() {
		for _, c := range []struct{ alias, name, text string }{
			{"app", validation, prefix},
			{"Alias/app", validation, prefix},
			{"/alias/app", validation, prefix},
			{arnBase + "alias/new", validation, prefix},
			{key, validation, prefix},
			{"alias/aws/app", "NotAuthorizedException", ""},
			{"alias/aws/", "NotAuthorizedException", ""},
			{"alias/", "InvalidAliasNameException", "Alias name 'alias/' is not valid."},
			{"alias/app", "AlreadyExistsException", exists},
			{"alias/ä", validation, one + "Value 'alias/ä' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"},
			{"alias/" + strings.Repeat("x", 251), validation, one + "Value 'alias/" + strings.Repeat("x", 251) + "' at 'aliasName' failed to satisfy constraint: Member must have length less than or equal to 256"},
		} {
			t.Run(c.alias, func(t *testing.T) { refused(t, b.createAlias(c.alias, key), c.name, c.text) })
		}
		refused(t, b.createAlias("alias/app", other), "AlreadyExistsException", exists)
	})
	for _, fine := range []string{"alias/App", "alias/app/", "alias/aws", "alias/awsome", "alias/AWS/app", "alias/a:b_c-d/9", "alias/" + strings.Repeat("x", 250)} {
		if err := b.createAlias(fine, key); err != nil {
			t.Errorf("%s: %v", fine, err)
		}
	}
}

func TestAKeyHasNoMoreThan50Aliases(t *testing.T) {
	b := newBench(t)
	key, other := b.newKey(), b.newKey()
	for n := range 50 {
		b.newAlias(fmt.Sprintf("alias/app-%02d", n), key)
	}
	b.newAlias("alias/other", other)
	b.unchanged(t, func() {
		refused(t, b.createAlias("alias/app-50", key), "LimitExceededException", aliasLimit(key))
		refused(t, b.updateAlias("alias/other", key), "LimitExceededException", aliasLimit(key))
	})
	if err := b.updateAlias("alias/app-07", key); err != nil {
		t.Errorf("an alias of a full key may stay where it is: %v", err)
	}
	if err := b.updateAlias("alias/app-07", other); err != nil {
		t.Errorf("an alias may leave a full key: %v", err)
	}
	if err := b.createAlias("alias/app-50", key); err != nil {
		t.Errorf("then there is room for one: %v", err)
	}
	refused(t, b.createAlias("alias/app-51", key), "LimitExceededException", aliasLimit(key))
	if err := b.deleteAlias("alias/app-50"); err != nil {
		t.Error(err)
	}
	if err := b.updateAlias("alias/other", key); err != nil {
		t.Errorf("a deleted alias makes room too: %v", err)
	}
}

func TestAnAliasMovesAndTheCiphertextsStayWithTheirKey(t *testing.T) {
	b := newBench(t)
	first, second := b.newKey(), b.newKey()
	b.newAlias("alias/app", first)
	made := b.aliasEntry("alias/app")
	blob := b.encrypt("alias/app", "attack at dawn", nil)
	b.clock.Advance(time.Hour)
	if err := b.updateAlias("alias/app", keyARN(second)); err != nil {
		t.Fatal(err)
	}
	moved := b.aliasEntry("alias/app")
	if made.TargetKeyID != first || moved.TargetKeyID != second || moved.CreationDate != made.CreationDate ||
		moved.LastUpdatedDate != api.TimeOf(b.clock.Now()) || made.LastUpdatedDate != made.CreationDate || moved.AliasArn != arnBase+"alias/app" {
		t.Errorf("the alias was %+v and is %+v", made, moved)
	}
	if got := b.keyOf("alias/app"); got != second {
		t.Errorf("the alias names %s", got)
	}
	if got, err := b.decrypt(blob, nil); err != nil || got != "attack at dawn" {
		t.Errorf("the ciphertext names its key itself: %q, %v", got, err)
	}
	_, err := try[any](b, "Decrypt", &api.DecryptInput{CiphertextBlob: blob, KeyID: new("alias/app")})
	refused(t, err, "IncorrectKeyException", incorrectKey)
}

func TestADeletedAliasNamesNothingAndItsNameIsFree(t *testing.T) {
	b := newBench(t)
	first, second := b.newKey(), b.newKey()
	b.newAlias("alias/app", first)
	b.encrypt("alias/app", "x", nil)
	if err := b.deleteAlias("alias/app"); err != nil {
		t.Fatal(err)
	}
	const gone = "Alias " + arnBase + "alias/app is not found."
	b.unchanged(t, func() {
		_, err := try[any](b, "Encrypt", &api.EncryptInput{KeyID: new("alias/app"), Plaintext: []byte("x")})
		refused(t, err, noSuchKey, gone)
		refused(t, b.updateAlias("alias/app", second), noSuchKey, gone)
		refused(t, b.deleteAlias("alias/app"), noSuchKey, gone)
	})
	b.encrypt(first, "the key is untouched", nil)
	b.clock.Advance(time.Minute)
	b.newAlias("alias/app", second)
	if e := b.aliasEntry("alias/app"); e.TargetKeyID != second || e.CreationDate != api.TimeOf(b.clock.Now()) {
		t.Errorf("the new alias is %+v", e)
	}
	b.reopen()
	if got := b.keyOf("alias/app"); got != second {
		t.Errorf("after a restart the alias names %s", got)
	}
}

func TestTheAliasesOfADoomedKeyMayGoAndNoneMayCome(t *testing.T) {
	b := newBench(t)
	doomed, other := b.newKey(), b.newKey()
	for _, name := range []string{"alias/stays", "alias/moves", "alias/goes"} {
		b.newAlias(name, doomed)
	}
	b.newAlias("alias/other", other)
	must[any](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &doomed})
	pending := keyARN(doomed) + " is pending deletion."
	b.unchanged(t, func() {
		refused(t, b.createAlias("alias/new", doomed), badState, pending)
		refused(t, b.updateAlias("alias/other", doomed), badState, pending)
		refused(t, b.updateAlias("alias/stays", doomed), badState, pending)
	})
	if err := b.updateAlias("alias/moves", other); err != nil {
		t.Errorf("an alias may be moved away: %v", err)
	}
	if err := b.deleteAlias("alias/goes"); err != nil {
		t.Errorf("an alias may be deleted: %v", err)
	}
	_, err := try[any](b, "Encrypt", &api.EncryptInput{KeyID: new("alias/stays"), Plaintext: []byte("x")})
	refused(t, err, badState, pending)
}

func TestAnAliasKeepsToKeysOfOneUsage(t *testing.T) {
	b := newBench(t, forgery)
	key, signing, other := b.newKey(), b.newKey(), b.newKey()
	b.newAlias("alias/app", key)
	b.forge(signing, forSigning)
	b.newAlias("alias/signing", signing)
	const mismatch = "The new target of an alias must be of the same key type and key usage as the current one."
	b.unchanged(t, func() {
		refused(t, b.updateAlias("alias/app", signing), validation, mismatch)
		refused(t, b.updateAlias("alias/signing", other), validation, mismatch)
	})
	if err := b.updateAlias("alias/app", other); err != nil {
		t.Error(err)
	}
}

func TestOfManyWhoCreateOneAliasOneSucceeds(t *testing.T) {
	b := newBench(t)
	keys := []string{b.newKey(), b.newKey(), b.newKey(), b.newKey()}
	errs := make([]error, len(keys))
	var group sync.WaitGroup
	for i, key := range keys {
		group.Go(func() {
			name := "alias/app"
			_, errs[i] = b.service.Do(t.Context(), kms.Request{Operation: "CreateAlias", Caller: b.root(), Input: &api.CreateAliasInput{AliasName: &name, TargetKeyID: &key}})
		})
	}
	group.Wait()
	won := ""
	for i, err := range errs {
		switch {
		case err == nil && won == "":
			won = keys[i]
		case err == nil:
			t.Error("two have created the alias")
		case !errors.Is(err, api.AlreadyExistsAlias(arnBase+"alias/app")):
			t.Errorf("the loser is told %v", err)
		}
	}
	if got := b.keyOf("alias/app"); got != won {
		t.Errorf("the alias names %s, the winner is %q", got, won)
	}
}
