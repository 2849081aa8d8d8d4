package ops_test

import (
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// keyQuota bounds the keys of an account.
func keyQuota(most int) func(*kms.Config) {
	return func(c *kms.Config) { c.MaxKeysPerAccount = most }
}

const threeKeys = "Account " + account + " has reached the limit of 3 KMS keys. Keys that are pending deletion count. " +
	"Use keys that there are, or have keys.per_account of the server's configuration raised."

func TestAnAccountHasNoMoreKeysThanItMay(t *testing.T) {
	b := newBench(t, keyQuota(3), services("ebs"))
	keys := []string{b.newKey(), b.newKey(), b.newKey()}
	must[any](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &keys[0]})
	must[any](b, "DisableKey", &api.DisableKeyInput{KeyID: &keys[1]})
	made, births := len(b.device.Objects()), b.device.Calls(kmstest.MethodGenerateKey)
	refuse := func() {
		t.Helper()
		_, err := try[any](b, "CreateKey", &api.CreateKeyInput{})
		refused(t, err, api.LimitExceededException, threeKeys)
	}
	refuse()
	if r := lastOf(t, b.log.named("CreateKey")); r["errorCode"] != api.LimitExceededException || r["errorMessage"] != threeKeys {
		t.Errorf("recorded %v", r)
	}
	if len(b.device.Objects()) != made || b.device.Calls(kmstest.MethodGenerateKey) != births {
		t.Error("the token made a key that nobody may have")
	}
	b.reopen()
	refuse()

	if _, err := b.describeKey("alias/aws/ebs"); err != nil {
		t.Errorf("a service has no key where its account's own are many: %v", err)
	}
	must[any](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &keys[2]})
	must[any](b, "UpdateKeyDescription", &api.UpdateKeyDescriptionInput{KeyID: &keys[2], Description: new("x")})
	b.account(otherAccount)
	mustAs[any](b, b.rootOf(otherAccount), "CreateKey", &api.CreateKeyInput{})

	b.config.MaxKeysPerAccount = 4
	b.reopen()
	b.newKey()
	b.config.MaxKeysPerAccount = 3 // less than there are
	b.reopen()
	refuse()
	must[any](b, "CancelKeyDeletion", &api.CancelKeyDeletionInput{KeyID: &keys[0]})
	b.config.MaxKeysPerAccount = 0
	b.reopen()
	b.newKey()
}

// Who may not make keys does not learn how many there are, and a request that is wrong in itself is told so first.
func TestTheQuotaOfKeysComesLast(t *testing.T) {
	b := newBench(t, keyQuota(1))
	b.newKey()
	reader := b.user("reader", allow("kms:List*"))
	_, err := tryAs[any](b, reader, "CreateKey", &api.CreateKeyInput{})
	refused(t, err, api.AccessDeniedException)
	for name, in := range map[string]*api.CreateKeyInput{
		api.TagException:                     {Tags: []api.Tag{api.NewTag("aws:x", "")}},
		api.UnsupportedOperationException:    {MultiRegion: new(true)},
		api.MalformedPolicyDocumentException: {Policy: new("{}")},
	} {
		_, err := try[any](b, "CreateKey", in)
		refused(t, err, name)
	}
}

func TestTheLastPlaceForAKeyIsGivenOnce(t *testing.T) {
	b := newBench(t, keyQuota(4))
	for range 3 {
		b.newKey()
	}
	before := len(b.device.Objects())
	answers := atOnce(callers, func(int) error {
		_, err := try[any](b, "CreateKey", &api.CreateKeyInput{})
		return err
	})
	answered(t, answers, map[string]int{"": 1, api.LimitExceededException: callers - 1})
	n, err := b.store.KeyCount(t.Context(), account)
	if err != nil || n != 4 {
		t.Errorf("%d keys, %v", n, err)
	}
	if grown := len(b.device.Objects()) - before; grown != 1 {
		t.Errorf("the token has %d objects more, want 1", grown)
	}
	if births, err := b.store.Births(t.Context()); err != nil || len(births) != 0 {
		t.Errorf("open births %v, %v", births, err)
	}
}

// The limits that AWS documents (AWS KMS Developer Guide, "Resource quotas"). Its 100,000 keys of an account are not among
// them: Keyhold has fewer unless it is told.
func TestTheQuotasAreThoseOfAWS(t *testing.T) {
	for name, c := range map[string][2]int{
		"aliases of a key":             {api.MaxAliasesPerKey, 50},
		"grants of a key":              {api.MaxGrantsPerKey, 50_000},
		"tags of a key":                {api.MaxTags, 50},
		"octets of a key policy":       {api.MaxPolicy, 32_768},
		"on-demand rotations of a key": {api.MaxOnDemandRotations, 25},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %d, want %d", name, c[0], c[1])
		}
	}
}

// BenchmarkCreateKeyBeside shows that a key more takes no longer in an account with many.
func BenchmarkCreateKeyBeside(bm *testing.B) {
	for name, stock := range map[string]int{"1 key": 1, "10000 keys": 10_000, "99000 keys": 99_000} {
		bm.Run(name, func(bm *testing.B) {
			b := newBench(bm, keyQuota(100_000))
			b.stockKeys(stock)
			for bm.Loop() {
				b.newKey()
			}
		})
	}
}
