package ops_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// sealingAccount is the account that is none, of the key under which Keyhold seals its own secrets.
const sealingAccount = "keyhold"

// sealingKeys are the rows of keys for Keyhold's own secrets.
func (b *bench) sealingKeys() []kms.KeyRow {
	b.t.Helper()
	rows, err := b.store.Keys(b.t.Context(), sealingAccount, "", 10)
	if err != nil {
		b.t.Fatal(err)
	}
	return rows
}

// newAccessKey makes an access key for a user.
func (b *bench) newAccessKey(user kms.Caller) *api.CreateAccessKeyOutput {
	b.t.Helper()
	return mustAs[*api.CreateAccessKeyOutput](b, b.rootOf(string(user.Account)), "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &user.ARN})
}

// accessKeyRow is the row of an access key in the store.
func (b *bench) accessKeyRow(id string) kms.AccessKeyRow {
	b.t.Helper()
	row, err := b.store.AccessKey(b.t.Context(), kms.AccessKeyID(id))
	if err != nil {
		b.t.Fatal(err)
	}
	return row
}

func TestNobodySeesOrUsesTheKeyThatSealsKeyholdsOwnSecrets(t *testing.T) {
	b := newBench(t)
	own, user := b.newSubject("app"), b.user("ada", allow("kms:*", "keyhold:*"))
	created := b.newAccessKey(user)
	other := b.rootOf(b.account(otherAccount))
	sealing := b.sealingKeys()
	if len(sealing) != 1 {
		t.Fatalf("there are %d sealing keys, want 1", len(sealing))
	}
	id := string(sealing[0].ID)
	blob := b.accessKeyRow(created.AccessKeyID).Sealed
	place := api.EncryptionContext{"keyhold:purpose": "access key", "keyhold:access-key": created.AccessKeyID,
		"keyhold:principal": user.PrincipalID, "keyhold:account": account}
	unknownBlob := slices.Clone(blob)
	unknownBlob[blobKey] ^= 0xff

	for _, caller := range []kms.Caller{b.root(), other, user} {
		keys := mustAs[*api.ListKeysOutput](b, caller, "ListKeys", &api.ListKeysInput{})
		aliases := mustAs[*api.ListAliasesOutput](b, caller, "ListAliases", &api.ListAliasesInput{})
		if listed := fmt.Sprint(keys, aliases); strings.Contains(listed, id) || strings.Contains(listed, "sealing") {
			t.Errorf("%s sees it in a list: %s", caller.ARN, listed)
		}
		for _, named := range []struct{ sealing, unknown string }{
			{id, unknownID},
			{keyARN(id), keyARN(unknownID)},
			{"arn:aws:kms:" + region + ":" + otherAccount + ":key/" + id, "arn:aws:kms:" + region + ":" + otherAccount + ":key/" + unknownID},
			{"arn:aws:kms:" + region + ":999988887777:key/" + id, "arn:aws:kms:" + region + ":999988887777:key/" + unknownID},
			{"arn:aws:kms:" + region + ":keyhold:key/" + id, "arn:aws:kms:" + region + ":keyhold:key/" + unknownID},
			{"alias/keyhold/sealing", "alias/keyhold/nothing"},
			{"arn:aws:kms:" + region + ":keyhold:alias/keyhold/sealing", "arn:aws:kms:" + region + ":keyhold:alias/keyhold/nothing"},
		} {
			for _, operation := range []string{"DescribeKey", "Encrypt", "ScheduleKeyDeletion", "ListResourceTags", "DisableKey", "RotateKeyOnDemand"} {
				in, as := sample(t, operation, subject{key: named.sealing}), sample(t, operation, subject{key: named.unknown})
				_, got := tryAs[any](b, caller, operation, in)
				_, want := tryAs[any](b, caller, operation, as)
				if normalised := strings.ReplaceAll(strings.ReplaceAll(fmt.Sprint(got), id, unknownID), "keyhold/sealing", "keyhold/nothing"); got == nil || normalised != fmt.Sprint(want) {
					t.Errorf("%s of %s by %s: %v, and of what does not exist: %v", operation, named.sealing, caller.ARN, got, want)
				}
			}
		}
		for _, in := range []*api.DecryptInput{{EncryptionContext: place}, {}, {EncryptionContext: place, KeyID: &own.key}} {
			in.CiphertextBlob = blob
			_, got := tryAs[any](b, caller, "Decrypt", in)
			in.CiphertextBlob = unknownBlob
			_, want := tryAs[any](b, caller, "Decrypt", in)
			if got == nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("Decrypt by %s: %v, and of an unknown key's ciphertext: %v", caller.ARN, got, want)
			}
		}
		_, err := tryAs[any](b, caller, "Decrypt", &api.DecryptInput{CiphertextBlob: blob, EncryptionContext: place})
		refused(t, err, denied, refersTo)
		_, err = tryAs[any](b, caller, "ReEncrypt", &api.ReEncryptInput{CiphertextBlob: blob, SourceEncryptionContext: place, DestinationKeyID: new(keyARN(own.key))})
		refused(t, err, denied)
	}
}

func TestACallerOfNoAccountIsNobody(t *testing.T) {
	b := newBench(t)
	b.newAccessKey(b.user("ada"))
	_, err := tryAs[any](b, b.rootOf(sealingAccount), "ListKeys", &api.ListKeysInput{})
	refused(t, err, api.UnrecognizedClientException)
}

func TestTheSealingKeyIsInspectedInventoriedAndRenewedLikeAnyOther(t *testing.T) {
	b := newBench(t, func(c *kms.Config) { c.RenewAfter = 4 })
	var secrets []*api.CreateAccessKeyOutput
	for i := range 12 {
		secrets = append(secrets, b.newAccessKey(b.user(fmt.Sprintf("user-%d", i))))
	}
	key := b.sealingKeys()[0]
	if key.Current < 3 {
		t.Errorf("after 12 encryptions it has %d generations, and it shall be renewed after 4", key.Current)
	}
	b.reopen()
	for _, s := range secrets {
		c, err := b.service.Credential(t.Context(), kms.AccessKeyID(s.AccessKeyID), "")
		if err != nil || string(c.Secret.Reveal()) != string(s.SecretAccessKey) {
			t.Errorf("access key %s does not open: %v", s.AccessKeyID, err)
		}
	}
	var found []kms.Finding
	if err := b.service.Inspect(t.Context(), func(f kms.Finding) error { found = append(found, f); return nil }); err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(found, func(f kms.Finding) bool { return f.Subject == "key "+string(key.ID) })
	if at < 0 || !found[at].OK {
		t.Errorf("the inspection says %+v", found)
	}
	items, err := b.service.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	generations := 0
	for _, i := range items {
		if i.KeyID == key.ID && i.Kind == "generation" {
			generations++
		}
		if i.Kind == "stranger" || i.Kind == "debris" || i.Kind == "missing" {
			t.Errorf("the inventory has %+v", i)
		}
	}
	if generations != int(key.Current) {
		t.Errorf("the inventory has %d of its %d generations", generations, key.Current)
	}
	created := 0
	for _, r := range b.log.all() {
		if r["eventName"] == "CreateKey" && r["eventType"] == "AwsServiceEvent" {
			created++
		}
	}
	if created != 1 {
		t.Errorf("the log has %d service events of its making, want 1", created)
	}
}

func TestHoweverManyNeedItAtOnceThereIsOneSealingKey(t *testing.T) {
	b := newBench(t)
	var users []kms.Caller
	for i := range 16 {
		users = append(users, b.user(fmt.Sprintf("user-%d", i)))
	}
	var all sync.WaitGroup
	for _, u := range users {
		all.Go(func() {
			if _, err := try[any](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &u.ARN}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(b.sealingKeys()); n != 1 {
		t.Errorf("there are %d sealing keys", n)
	}
	if births, err := b.store.Births(t.Context()); err != nil || len(births) != 0 {
		t.Errorf("births are open: %v, %v", births, err)
	}
}

func TestASealingKeyThatCouldNotBeMadeIsMadeTheNextTime(t *testing.T) {
	b := newBench(t)
	user := b.user("ada")
	b.device.SetCapacity(2)
	_, err := try[any](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &user.ARN})
	refused(t, err, "LimitExceededException")
	if rows, err := b.store.AccessKeys(t.Context(), kms.PrincipalID(user.PrincipalID)); err != nil || len(rows)+len(b.sealingKeys()) != 0 {
		t.Errorf("the refusal left %v, %v, %v", rows, b.sealingKeys(), err)
	}
	b.device.SetCapacity(0)
	b.newAccessKey(user)
}

// A second sealing key would make what the first one sealed useless for ever.
func TestASealingKeyThatWasTakenAwayIsNotReplaced(t *testing.T) {
	b := newBench(t)
	first, second := b.user("ada"), b.user("bob")
	created := b.newAccessKey(first)
	aliases, err := b.store.Aliases(t.Context(), sealingAccount, "", "", 10)
	if err != nil || len(aliases) != 1 {
		t.Fatalf("it has the aliases %v, %v", aliases, err)
	}
	if err := b.store.Apply(t.Context(), kms.Change{DropAliases: aliases}); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	_, err = try[any](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &second.ARN})
	refused(t, err, badState)
	if n := len(b.sealingKeys()); n != 1 {
		t.Errorf("there are %d sealing keys", n)
	}
	_, err = b.service.Credential(t.Context(), kms.AccessKeyID(created.AccessKeyID), "")
	refused(t, err, api.UnrecognizedClientException)

	aliases[0].Rev, aliases[0].KeyID = 1, kms.KeyID(b.newKey()) // a row that Keyhold did not write
	if err := b.store.Apply(t.Context(), kms.Change{Aliases: aliases}); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	_, err = try[any](b, "CreateAccessKey", &api.CreateAccessKeyInput{Principal: &second.ARN})
	refused(t, err, badState)
	_, err = b.service.Credential(t.Context(), kms.AccessKeyID(created.AccessKeyID), "")
	refused(t, err, "KMSInternalException")
}
