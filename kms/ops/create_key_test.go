package ops_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// awsUsages is the table "Key spec reference" of the AWS KMS developer guide, typed by hand: which usages a spec may have.
var awsUsages = map[keyspec.KeySpec]string{
	"SYMMETRIC_DEFAULT": "ENCRYPT_DECRYPT",
	"HMAC_224":          "GENERATE_VERIFY_MAC", "HMAC_256": "GENERATE_VERIFY_MAC", "HMAC_384": "GENERATE_VERIFY_MAC", "HMAC_512": "GENERATE_VERIFY_MAC",
	"RSA_2048": "ENCRYPT_DECRYPT SIGN_VERIFY", "RSA_3072": "ENCRYPT_DECRYPT SIGN_VERIFY", "RSA_4096": "ENCRYPT_DECRYPT SIGN_VERIFY",
	"ECC_NIST_P256": "SIGN_VERIFY KEY_AGREEMENT", "ECC_NIST_P384": "SIGN_VERIFY KEY_AGREEMENT", "ECC_NIST_P521": "SIGN_VERIFY KEY_AGREEMENT",
	"ECC_SECG_P256K1": "SIGN_VERIFY", "ECC_NIST_EDWARDS25519": "SIGN_VERIFY", "SM2": "ENCRYPT_DECRYPT SIGN_VERIFY KEY_AGREEMENT",
	"ML_DSA_44": "SIGN_VERIFY", "ML_DSA_65": "SIGN_VERIFY", "ML_DSA_87": "SIGN_VERIFY",
	"ML_KEM_512": "ENCAPSULATE_DECAPSULATE", "ML_KEM_768": "ENCAPSULATE_DECAPSULATE", "ML_KEM_1024": "ENCAPSULATE_DECAPSULATE",
}

func TestCreateKeyServesOneSpecAndNamesTheOthers(t *testing.T) {
	b := newBench(t)
	b.unchanged(t, func() {
		for _, spec := range keyspec.KeySpecs.Values() {
			if spec == keyspec.SymmetricDefault {
				continue
			}
			_, err := try[any](b, "CreateKey", &api.CreateKeyInput{KeySpec: &spec})
			refused(t, err, validation, "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
			for _, usage := range keyspec.KeyUsages.Values() {
				t.Run(string(spec)+" for "+string(usage), func(t *testing.T) {
					_, err := try[any](b, "CreateKey", &api.CreateKeyInput{KeySpec: &spec, KeyUsage: &usage})
					if slices.Contains(strings.Fields(awsUsages[spec]), string(usage)) {
						refused(t, err, unsupported, "KeySpec "+string(spec)+" is not supported by this server. Use SYMMETRIC_DEFAULT.")
					} else {
						refused(t, err, validation, "KeyUsage "+string(usage)+" is not compatible with KeySpec "+string(spec))
					}
					if keyspec.CustomerMasterKeySpecs.Has(spec) {
						_, again := try[any](b, "CreateKey", &api.CreateKeyInput{CustomerMasterKeySpec: &spec, KeyUsage: &usage})
						name, text := errorOf(err)
						refused(t, again, name, text)
					}
				})
			}
		}
		for _, usage := range keyspec.KeyUsages.Values()[1:] {
			_, err := try[any](b, "CreateKey", &api.CreateKeyInput{KeyUsage: new(usage)})
			if usage != keyspec.EncryptDecrypt {
				refused(t, err, validation, "KeyUsage "+string(usage)+" is not compatible with KeySpec SYMMETRIC_DEFAULT")
			}
		}
	})
}

func TestEveryWayToAskForASymmetricKeyGivesOne(t *testing.T) {
	b := newBench(t)
	symmetric, usage, origin := keyspec.SymmetricDefault, keyspec.EncryptDecrypt, keyspec.OriginKMS
	for story, in := range map[string]api.CreateKeyInput{
		"nothing said":        {},
		"the spec said":       {KeySpec: &symmetric},
		"the old name said":   {CustomerMasterKeySpec: &symmetric},
		"the usage said":      {KeyUsage: &usage},
		"the origin said":     {Origin: &origin},
		"one Region said":     {MultiRegion: new(false)},
		"everything said":     {KeySpec: &symmetric, KeyUsage: &usage, Origin: &origin, MultiRegion: new(false), Description: new("")},
		"no tags said":        {Tags: []api.Tag{}},
		"the check is waived": {BypassPolicyLockoutSafetyCheck: new(true)},
	} {
		t.Run(story, func(t *testing.T) {
			got := must[*api.CreateKeyOutput](b, "CreateKey", &in).KeyMetadata
			if got.KeySpec != symmetric || got.CustomerMasterKeySpec != symmetric || got.KeyUsage != usage || got.Origin != origin ||
				got.KeyState != keyspec.StateEnabled || !got.Enabled || got.MultiRegion || got.Description != "" {
				t.Errorf("the key is %+v", got)
			}
		})
	}
}

func TestAKeyKeepsThePolicyThatItWasGiven(t *testing.T) {
	b := newBench(t)
	given := ` {"Version":"2012-10-17", "Statement":{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"kms:*","Resource":"*"}}` + "\n"
	id := must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{Policy: &given}).KeyMetadata.KeyID
	if got := b.policy(id); got != given {
		t.Errorf("the policy is %q, want it to the octet", got)
	}
	const byDefault = "{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n  \"Statement\" : [ {\n" +
		"    \"Sid\" : \"Enable IAM User Permissions\",\n    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n" +
		"      \"AWS\" : \"arn:aws:iam::111122223333:root\"\n    },\n    \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  } ]\n}"
	if got := b.policy(b.newKey()); got != byDefault {
		t.Errorf("the default policy is %q", got)
	}
}

func (b *bench) policy(id string) string {
	b.t.Helper()
	record, err := b.store.Key(b.t.Context(), kms.KeyID(id))
	if err != nil {
		b.t.Fatal(err)
	}
	return record.Policy.Document
}

func TestAPolicyThatCannotBeIsRefusedAndLeavesNoKey(t *testing.T) {
	b := newBench(t)
	statement := func(s string) string { return `{"Version":"2012-10-17","Statement":[` + s + `]}` }
	describeOnly := statement(`{"Effect":"Allow","Principal":"*","Action":"kms:DescribeKey","Resource":"*"}`)
	const lockout = "The new key policy will not allow you to update the key policy in the future."
	for _, c := range []struct{ story, policy, name, text string }{
		{"no JSON", "x", "MalformedPolicyDocumentException", "*"},
		{"an empty object", "{}", "MalformedPolicyDocumentException", "*"},
		{"a statement without principal", statement(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`), "MalformedPolicyDocumentException", "*"},
		{"one that locks its maker out", describeOnly, "MalformedPolicyDocumentException", lockout},
		{"one that denies its maker", statement(`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:Put*","Resource":"*"}`),
			"MalformedPolicyDocumentException", lockout},
		{"nothing", "", validation, "2 validation errors detected: Value '' at 'policy' failed to satisfy constraint: Member must have length greater than or equal to 1; " +
			`Value '' at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+`},
		{"more than 32,768 bytes", describeOnly + strings.Repeat(" ", 32769-len(describeOnly)), "LimitExceededException", "The key policy is larger than 32768 bytes."},
	} {
		t.Run(c.story, func(t *testing.T) {
			b.unchanged(t, func() {
				_, err := try[any](b, "CreateKey", &api.CreateKeyInput{Policy: &c.policy})
				if c.text == "*" {
					refused(t, err, c.name)
				} else {
					refused(t, err, c.name, c.text)
				}
			})
		})
	}
	waived := must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{Policy: &describeOnly, BypassPolicyLockoutSafetyCheck: new(true)}).KeyMetadata
	must[any](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &waived.KeyID})
	_, err := try[any](b, "DisableKey", &api.DisableKeyInput{KeyID: &waived.KeyID})
	refused(t, err, denied, "User: arn:aws:iam::111122223333:root is not authorized to perform: kms:DisableKey on resource: "+waived.Arn+
		" because no resource-based policy allows the kms:DisableKey action")
}

func TestTheKeyPolicyStandsAboveTheAccountsRoot(t *testing.T) {
	b := newBench(t)
	alice := b.user("alice")
	policy := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"kms:Encrypt","Resource":"*"},
		{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":["kms:Decrypt","kms:ReEncryptFrom"],"Resource":"*"}]}`
	arn := must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{Policy: &policy}).KeyMetadata.Arn
	blob := b.encrypt(arn, "attack at dawn", nil)
	deny := func(who, action, why string) string {
		return "User: arn:aws:iam::111122223333:" + who + " is not authorized to perform: " + action + " on resource: " + arn + " " + why
	}
	const byPolicy = "with an explicit deny in a resource-based policy"
	_, err := try[any](b, "Decrypt", &api.DecryptInput{KeyID: &arn, CiphertextBlob: blob})
	refused(t, err, denied, deny("root", "kms:Decrypt", byPolicy))
	_, err = try[any](b, "Decrypt", &api.DecryptInput{CiphertextBlob: blob})
	refused(t, err, denied, refersTo)
	_, err = try[any](b, "ReEncrypt", &api.ReEncryptInput{SourceKeyID: &arn, CiphertextBlob: blob, DestinationKeyID: &arn})
	refused(t, err, denied, deny("root", "kms:ReEncryptFrom", byPolicy))
	if _, err := b.service.Do(t.Context(), kms.Request{Operation: "Encrypt", Caller: alice, Input: &api.EncryptInput{KeyID: &arn, Plaintext: []byte("x")}}); err != nil {
		t.Errorf("the policy allows Alice to encrypt: %v", err)
	}
	_, err = b.service.Do(t.Context(), kms.Request{Operation: "GenerateDataKey", Caller: alice, Input: &api.GenerateDataKeyInput{KeyID: &arn, NumberOfBytes: new(int32(16))}})
	refused(t, err, denied, deny("user/alice", "kms:GenerateDataKey", "because no identity-based policy allows the kms:GenerateDataKey action"))
}
