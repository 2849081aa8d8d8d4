package ops_test

import (
	"reflect"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/ops"
)

const wouldHave = "The request would have succeeded, but the DryRun option is set."

func TestADryRunNeverSucceedsAndChangesNothing(t *testing.T) {
	b := newBench(t)
	var dry []string
	for _, row := range ops.Table() {
		d := row.Describe()
		if !d.DryRun {
			continue
		}
		dry = append(dry, d.Name)
		s := b.newSubject(d.Name)
		t.Run(d.Name, func(t *testing.T) {
			in := sample(t, d.Name, s)
			member(t, in, "DryRun").Set(reflect.ValueOf(new(true)))
			b.unchanged(t, func() {
				_, err := try[any](b, d.Name, in)
				refused(t, err, "DryRunOperationException", wouldHave)
			})
			in = sample(t, d.Name, s)
			member(t, in, "DryRun").Set(reflect.ValueOf(new(false)))
			if _, err := try[any](b, d.Name, in); err != nil {
				t.Errorf("DryRun false is not as if it were absent: %v", err)
			}
		})
	}
	want := []string{"CreateGrant", "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncrypt", "RetireGrant", "RevokeGrant"}
	if !reflect.DeepEqual(dry, want) {
		t.Errorf("operations with DryRun are %v, want %v", dry, want)
	}
}

// IGNORE_CIPHERTEXT asks whether a caller may decrypt, before there is anything to decrypt.
func TestADryRunMayIgnoreTheCiphertext(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	ignore := []keyspec.DryRunModifier{keyspec.IgnoreCiphertext}
	off := b.newKey()
	must[any](b, "DisableKey", &api.DisableKeyInput{KeyID: &off})
	const noBlob = one + "Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null"
	decryptions := []struct {
		story      string
		in         api.DecryptInput
		name, text string
	}{
		{"without a ciphertext it is answered for the key", api.DecryptInput{KeyID: &s.key, DryRun: new(true), DryRunModifiers: ignore}, "DryRunOperationException", wouldHave},
		{"an alias names the key too", api.DecryptInput{KeyID: &s.alias, DryRun: new(true), DryRunModifiers: ignore}, "DryRunOperationException", wouldHave},
		{"a ciphertext that is none does not matter", api.DecryptInput{KeyID: &s.key, CiphertextBlob: []byte("x"), DryRun: new(true), DryRunModifiers: ignore}, "DryRunOperationException", wouldHave},
		{"another key's ciphertext does not matter", api.DecryptInput{KeyID: &s.other, CiphertextBlob: s.blob, DryRun: new(true), DryRunModifiers: ignore}, "DryRunOperationException", wouldHave},
		{"a ciphertext that is too long does", api.DecryptInput{KeyID: &s.key, CiphertextBlob: make([]byte, 6145), DryRun: new(true), DryRunModifiers: ignore},
			validation, one + "Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length less than or equal to 6144"},
		{"the key must be named", api.DecryptInput{CiphertextBlob: s.blob, DryRun: new(true), DryRunModifiers: ignore}, validation,
			one + "Value null at 'keyId' failed to satisfy constraint: Member must not be null"},
		{"the key's state matters", api.DecryptInput{KeyID: &off, DryRun: new(true), DryRunModifiers: ignore}, isDisabled, keyARN(off) + " is disabled."},
		{"the algorithm matters", api.DecryptInput{KeyID: &s.key, DryRun: new(true), DryRunModifiers: ignore, EncryptionAlgorithm: new(keyspec.EncryptionRSAOAEPSHA1)},
			badUsage, "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT."},
		{"without DryRun nothing is ignored", api.DecryptInput{KeyID: &s.key, DryRunModifiers: ignore}, validation, noBlob},
		{"a DryRun that is false ignores nothing", api.DecryptInput{KeyID: &s.key, DryRun: new(false), DryRunModifiers: ignore}, validation, noBlob},
		{"without DryRun another key's ciphertext is another key's", api.DecryptInput{KeyID: &s.other, CiphertextBlob: s.blob, DryRunModifiers: ignore}, "IncorrectKeyException", incorrectKey},
		{"an unknown modifier is refused", api.DecryptInput{KeyID: &s.key, CiphertextBlob: s.blob, DryRun: new(true), DryRunModifiers: []keyspec.DryRunModifier{"IGNORE_ALL"}},
			validation, one + "Value '[IGNORE_ALL]' at 'dryRunModifiers' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [IGNORE_CIPHERTEXT]]"},
	}
	b.unchanged(t, func() {
		for _, c := range decryptions {
			t.Run(c.story, func(t *testing.T) {
				_, err := try[any](b, "Decrypt", &c.in)
				refused(t, err, c.name, c.text)
				re := api.ReEncryptInput{CiphertextBlob: c.in.CiphertextBlob, SourceKeyID: c.in.KeyID, DestinationKeyID: &s.key,
					DryRun: c.in.DryRun, DryRunModifiers: c.in.DryRunModifiers, SourceEncryptionAlgorithm: c.in.EncryptionAlgorithm}
				text := c.text
				if c.in.KeyID == nil {
					text = one + "Value null at 'sourceKeyId' failed to satisfy constraint: Member must not be null"
				}
				_, err = try[any](b, "ReEncrypt", &re)
				refused(t, err, c.name, text)
			})
		}
		_, err := try[any](b, "ReEncrypt", &api.ReEncryptInput{SourceKeyID: &s.key, DestinationKeyID: &off, DryRun: new(true), DryRunModifiers: ignore})
		refused(t, err, isDisabled, keyARN(off)+" is disabled.")
	})
}

func TestAGrantTokenIsRefusedAndNotIgnored(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	tokens := []string{"AQpAM2RhZ"}
	blob := b.encrypt(key, "secret", nil)
	for name, in := range map[string]kms.Input{
		"Encrypt":         &api.EncryptInput{KeyID: &key, Plaintext: []byte("x"), GrantTokens: tokens},
		"Decrypt":         &api.DecryptInput{CiphertextBlob: blob, GrantTokens: tokens},
		"ReEncrypt":       &api.ReEncryptInput{CiphertextBlob: blob, DestinationKeyID: &key, GrantTokens: tokens},
		"GenerateDataKey": &api.GenerateDataKeyInput{KeyID: &key, NumberOfBytes: new(int32(32)), GrantTokens: tokens},
		"GenerateDataKeyWithoutPlaintext": &api.GenerateDataKeyWithoutPlaintextInput{
			KeyID: &key, NumberOfBytes: new(int32(32)), GrantTokens: tokens},
		"DescribeKey": &api.DescribeKeyInput{KeyID: &key, GrantTokens: tokens},
	} {
		_, err := try[any](b, name, in)
		refused(t, err, api.InvalidGrantTokenException)
	}
}
