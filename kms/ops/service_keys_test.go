package ops_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// services configures services that have keys of their own.
func services(names ...string) func(*kms.Config) {
	return func(c *kms.Config) { c.Services = names }
}

const noEBSKey = "Alias " + arnBase + "alias/aws/ebs is not found."

// describeKey asks for a key's metadata.
func (b *bench) describeKey(ref string) (api.KeyMetadata, error) {
	b.t.Helper()
	out, err := try[*api.DescribeKeyOutput](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &ref})
	if err != nil {
		return api.KeyMetadata{}, err
	}
	return out.KeyMetadata, nil
}

// named are the audit records of an event.
func (l *memoryLog) named(event string) []map[string]any {
	return slices.DeleteFunc(l.all(), func(r map[string]any) bool { return r["eventName"] != event })
}

func TestTheFirstUseOfAServiceMakesItsKeyAndItsAlias(t *testing.T) {
	for name, use := range map[string]func(b *bench, ref string) error{
		"DescribeKey": func(b *bench, ref string) error {
			_, err := b.describeKey(ref)
			return err
		},
		"Encrypt": func(b *bench, ref string) error {
			_, err := try[any](b, "Encrypt", &api.EncryptInput{KeyID: &ref, Plaintext: []byte("x")})
			return err
		},
		"GenerateDataKey": func(b *bench, ref string) error {
			_, err := try[any](b, "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: &ref, NumberOfBytes: new(int32(32))})
			return err
		},
		"ReEncrypt": func(b *bench, ref string) error {
			_, err := try[any](b, "ReEncrypt", &api.ReEncryptInput{CiphertextBlob: b.encrypt(b.newKey(), "x", nil), DestinationKeyID: &ref})
			return err
		},
	} {
		for _, ref := range []string{"alias/aws/ebs", arnBase + "alias/aws/ebs"} {
			t.Run(name+" of "+ref, func(t *testing.T) {
				b := newBench(t, services("s3", "ebs"))
				if err := use(b, ref); err != nil {
					t.Fatal(err)
				}
				key := b.aliasEntry("alias/aws/ebs").TargetKeyID
				m, err := b.describeKey(key)
				if err != nil || m.KeyManager != keyspec.ManagerAWS || m.KeyState != keyspec.StateEnabled || !m.Enabled ||
					m.Description != "Default key that protects what ebs stores when no other key is named" {
					t.Errorf("the key is %+v, error %v", m, err)
				}
				rotation := must[*api.GetKeyRotationStatusOutput](b, "GetKeyRotationStatus", &api.GetKeyRotationStatusInput{KeyID: &key})
				if !rotation.KeyRotationEnabled || rotation.RotationPeriodInDays != 365 || rotation.NextRotationDate != api.TimeOf(b.clock.Now().AddDate(0, 0, 365)) {
					t.Errorf("its rotation is %+v", rotation)
				}
				births := slices.DeleteFunc(b.log.named("CreateKey"), func(r map[string]any) bool { return r["eventType"] != "AwsServiceEvent" })
				if len(births) != 1 || births[0]["recipientAccountId"] != account {
					t.Errorf("the log has %v", births)
				}
				b.reopen()
				if got := b.keyOf("alias/aws/ebs"); got != key {
					t.Errorf("after a restart the alias names %s, and it was %s", got, key)
				}
			})
		}
	}
}

func TestWithoutAUseThereIsNoServiceKey(t *testing.T) {
	b := newBench(t, services("ebs"))
	key := b.newKey()
	blob := b.encrypt(key, "x", nil)
	const aliasARN = arnBase + "alias/aws/ebs"
	b.unchanged(t, func() {
		for _, c := range []struct {
			operation  string
			in         kms.Input
			name, text string
		}{
			{"DescribeKey", &api.DescribeKeyInput{KeyID: new("alias/aws/s3")}, noSuchKey, "Alias " + arnBase + "alias/aws/s3 is not found."},
			{"DescribeKey", &api.DescribeKeyInput{KeyID: new("alias/aws/")}, noSuchKey, "Alias " + arnBase + "alias/aws/ is not found."},
			{"DescribeKey", &api.DescribeKeyInput{KeyID: new("alias/aws/EBS")}, noSuchKey, "Alias " + arnBase + "alias/aws/EBS is not found."},
			{"DescribeKey", &api.DescribeKeyInput{KeyID: new("alias/ebs")}, noSuchKey, "Alias " + arnBase + "alias/ebs is not found."},
			{"Decrypt", &api.DecryptInput{KeyID: new("alias/aws/ebs"), CiphertextBlob: blob}, noSuchKey, noEBSKey},
			{"UpdateAlias", &api.UpdateAliasInput{AliasName: new("alias/aws/ebs"), TargetKeyID: &key}, noSuchKey, noEBSKey},
			{"DeleteAlias", &api.DeleteAliasInput{AliasName: new("alias/aws/ebs")}, noSuchKey, noEBSKey},
			{"CreateAlias", &api.CreateAliasInput{AliasName: new("alias/aws/ebs"), TargetKeyID: &key}, "NotAuthorizedException", ""},
			{"DisableKey", &api.DisableKeyInput{KeyID: new("alias/aws/ebs")}, "InvalidArnException", "Key Aliases are not supported for this operation."},
			{"Encrypt", &api.EncryptInput{KeyID: new("alias/aws/ebs"), Plaintext: []byte("x"), DryRun: new(true)},
				"DryRunOperationException", "The request would have succeeded, but the DryRun option is set."},
			{"Encrypt", &api.EncryptInput{KeyID: new(aliasARN), Plaintext: []byte("x"), EncryptionAlgorithm: new(keyspec.EncryptionRSAOAEPSHA256)},
				"InvalidKeyUsageException", ""},
		} {
			err := b.recorded(t, kms.Request{Operation: c.operation, Caller: b.root(), Input: c.in})
			if c.text == "" && c.name != "NotAuthorizedException" {
				refused(t, err, c.name)
			} else {
				refused(t, err, c.name, c.text)
			}
		}
	})
}

func TestAServiceOpenedToLookAtThingsMakesNoServiceKey(t *testing.T) {
	b := newBench(t, services("ebs"), func(c *kms.Config) { c.ReadOnly = true })
	b.unchanged(t, func() {
		_, err := b.describeKey("alias/aws/ebs")
		refused(t, err, noSuchKey, noEBSKey)
	})
}

func TestManyFirstUsesAtOnceMakeOneServiceKey(t *testing.T) {
	b := newBench(t, services("ebs"))
	var wg sync.WaitGroup
	ids, errs := make([]string, 16), make([]error, 16)
	for i := range ids {
		wg.Go(func() {
			out, err := b.service.Do(t.Context(), kms.Request{Operation: "DescribeKey", Caller: b.root(), Input: &api.DescribeKeyInput{KeyID: new("alias/aws/ebs")}})
			if errs[i] = err; err == nil {
				ids[i] = out.(*api.DescribeKeyOutput).KeyMetadata.KeyID
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 1 || len(b.log.named("CreateKey")) != 1 {
		t.Errorf("the key was %q, and %d keys were made", ids, len(b.log.named("CreateKey")))
	}
	if keys, err := b.store.Keys(t.Context(), account, "", 10); err != nil || len(keys) != 1 {
		t.Errorf("there are %d keys, error %v", len(keys), err)
	}
}

// A key that cannot be made is the token's fault, and nothing of it is left.
func TestAServiceKeyThatTheTokenDoesNotMakeLeavesNothing(t *testing.T) {
	b := newBench(t, services("ebs"))
	b.device.FailNext(kmstest.MethodGenerateKey, 1, errors.New("no"))
	b.unchanged(t, func() {
		_, err := b.describeKey("alias/aws/ebs")
		refused(t, err, "KMSInternalException")
	})
	if _, err := b.describeKey("alias/aws/ebs"); err != nil {
		t.Error(err)
	}
}
