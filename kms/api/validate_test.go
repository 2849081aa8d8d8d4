package api_test

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

const someKey = "1234abcd-12ab-34cd-56ef-1234567890ab"

func one(violation string) string { return "1 validation error detected: " + violation }

func TestValidateSpeaksAsAWSDoes(t *testing.T) {
	const keySpecs = "RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521, ECC_SECG_P256K1, " +
		"SYMMETRIC_DEFAULT, HMAC_224, HMAC_256, HMAC_384, HMAC_512, SM2, ML_DSA_44, ML_DSA_65, ML_DSA_87"
	key := new(someKey)
	for _, c := range []struct {
		name string
		in   input
		want string // "" is valid
	}{
		{"a plaintext of 4096 bytes", &api.EncryptInput{KeyID: key, Plaintext: make([]byte, 4096)}, ""},
		{"a plaintext of 4097 bytes is not shown", &api.EncryptInput{KeyID: key, Plaintext: make([]byte, 4097)},
			one("Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096")},
		{"an empty plaintext", &api.EncryptInput{KeyID: key, Plaintext: api.Sensitive{}},
			one("Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1")},
		{"a null plaintext does not even say null", &api.EncryptInput{KeyID: key},
			one("Value at 'plaintext' failed to satisfy constraint: Member must not be null")},
		{"a null ciphertext says null", &api.DecryptInput{},
			one("Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")},
		{"a ciphertext of 6145 bytes", &api.DecryptInput{CiphertextBlob: make([]byte, 6145)},
			one("Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length less than or equal to 6144")},
		{"a null key id", &api.EnableKeyInput{},
			one("Value null at 'keyId' failed to satisfy constraint: Member must not be null")},
		{"an empty key id breaks length, then pattern", &api.DescribeKeyInput{KeyID: new("")},
			"2 validation errors detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length " +
				"greater than or equal to 1; Value '' at 'keyId' failed to satisfy constraint: Member must satisfy regular " +
				`expression pattern: ^\p{ASCII}+$`},
		{"a key id beyond ASCII", &api.DisableKeyInput{KeyID: new("ключ")},
			one(`Value 'ключ' at 'keyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^\p{ASCII}+$`)},
		{"members in model order", &api.EncryptInput{EncryptionAlgorithm: new(keyspec.EncryptionAlgorithm("AES"))},
			"3 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; " +
				"Value at 'plaintext' failed to satisfy constraint: Member must not be null; " +
				"Value 'AES' at 'encryptionAlgorithm' failed to satisfy constraint: Member must satisfy enum value set: " +
				"[RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE, SYMMETRIC_DEFAULT]"},
		{"too many random bytes", &api.GenerateRandomInput{NumberOfBytes: new(int32(1025))},
			one("Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024")},
		{"no random bytes", &api.GenerateRandomInput{NumberOfBytes: new(int32(0))},
			one("Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1")},
		{"a key spec for a data key", &api.GenerateDataKeyInput{KeyID: key, KeySpec: new(keyspec.DataKeySpec("RSA_2048"))},
			one("Value 'RSA_2048' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [" + keySpecs + "]")},
		{"a data key without any size is the operation's business", &api.GenerateDataKeyInput{KeyID: key}, ""},
		{"the path of a tag", &api.TagResourceInput{KeyID: key, Tags: []api.Tag{api.NewTag("", "v")}},
			one("Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1")},
		{"the second tag has no value", &api.TagResourceInput{KeyID: key, Tags: []api.Tag{api.NewTag("k", ""), {TagKey: new("l")}}},
			one("Value null at 'tags.2.member.tagValue' failed to satisfy constraint: Member must not be null")},
		{"null tags", &api.TagResourceInput{KeyID: key},
			one("Value null at 'tags' failed to satisfy constraint: Member must not be null")},
		{"an empty tag key to remove", &api.UntagResourceInput{KeyID: key, TagKeys: []string{"a", ""}},
			one("Value '[a, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have " +
				"length less than or equal to 128, Member must have length greater than or equal to 1]")},
		{"a window of 6 days", &api.ScheduleKeyDeletionInput{KeyID: key, PendingWindowInDays: new(int32(6))},
			one("Value '6' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value greater than or equal to 7")},
		{"a window of 31 days", &api.ScheduleKeyDeletionInput{KeyID: key, PendingWindowInDays: new(int32(31))},
			one("Value '31' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value less than or equal to 30")},
		{"a period of 89 days", &api.EnableKeyRotationInput{KeyID: key, RotationPeriodInDays: new(int32(89))},
			one("Value '89' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value greater than or equal to 90")},
		{"a period of 2561 days", &api.EnableKeyRotationInput{KeyID: key, RotationPeriodInDays: new(int32(2561))},
			one("Value '2561' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value less than or equal to 2560")},
		{"a limit of 1001", &api.ListKeysInput{Limit: new(int32(1001))},
			one("Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000")},
		{"an empty marker", &api.ListKeysInput{Marker: new("")},
			one("Value '' at 'marker' failed to satisfy constraint: Member must have length greater than or equal to 1")},
		{"an alias with a blank", &api.DeleteAliasInput{AliasName: new("alias/a b")},
			one("Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$")},
		{"an alias without the prefix is the operation's business", &api.CreateAliasInput{AliasName: new("a"), TargetKeyID: key}, ""},
		{"an origin nobody knows", &api.CreateKeyInput{Origin: new(keyspec.Origin("HSM"))},
			one("Value 'HSM' at 'origin' failed to satisfy constraint: Member must satisfy enum value set: " +
				"[AWS_KMS, EXTERNAL, AWS_CLOUDHSM, EXTERNAL_KEY_STORE]")},
		{"a policy with a euro sign", &api.CreateKeyInput{Policy: new("€")},
			one(`Value '€' at 'policy' failed to satisfy constraint: Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+`)},
		{"lengths count UTF-16 code units", &api.UpdateKeyDescriptionInput{KeyID: key, Description: new(strings.Repeat("😀", 4096))}, ""},
		{"an empty description clears it", &api.UpdateKeyDescriptionInput{KeyID: key, Description: new("")}, ""},
		{"a null description", &api.UpdateKeyDescriptionInput{KeyID: key},
			one("Value null at 'description' failed to satisfy constraint: Member must not be null")},
		{"a dry-run modifier nobody knows", &api.DecryptInput{CiphertextBlob: []byte{1}, DryRunModifiers: []keyspec.DryRunModifier{"X"}},
			one("Value '[X]' at 'dryRunModifiers' failed to satisfy constraint: Member must satisfy constraint: " +
				"[Member must satisfy enum value set: [IGNORE_CIPHERTEXT]]")},
		{"a dry run without ciphertext wants the key", &api.DecryptInput{DryRun: new(true), DryRunModifiers: []keyspec.DryRunModifier{keyspec.IgnoreCiphertext}},
			one("Value null at 'keyId' failed to satisfy constraint: Member must not be null")},
		{"the modifier without a dry run modifies nothing", &api.DecryptInput{KeyID: key, DryRunModifiers: []keyspec.DryRunModifier{keyspec.IgnoreCiphertext}},
			one("Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")},
		{"grant tokens are not shown", &api.DescribeKeyInput{KeyID: key, GrantTokens: make([]string, 11)},
			"2 validation errors detected: Value at 'grantTokens' failed to satisfy constraint: Member must have length less than or " +
				"equal to 10; Value at 'grantTokens' failed to satisfy constraint: Member must satisfy constraint: [Member must " +
				"have length less than or equal to 8192, Member must have length greater than or equal to 1]"},
		{"a recipient without a document's octets", &api.GenerateRandomInput{Recipient: &api.RecipientInfo{AttestationDocument: []byte{}}},
			one("Value at 'recipient.attestationDocument' failed to satisfy constraint: Member must have length greater than or equal to 1")},
		{"a full encryption context", &api.DecryptInput{CiphertextBlob: []byte{1}, EncryptionContext: contextOf(8192)}, ""},
		{"an encryption context too large", &api.DecryptInput{CiphertextBlob: []byte{1}, EncryptionContext: contextOf(8193)},
			one("Value at 'encryptionContext' failed to satisfy constraint: Member must have length less than or equal to 8192")},
		{"an encryption context that is not UTF-8", &api.DecryptInput{CiphertextBlob: []byte{1}, EncryptionContext: api.EncryptionContext{"a": "\xff"}},
			one("Value at 'encryptionContext' failed to satisfy constraint: Member must be valid UTF-8")},
	} {
		t.Run(c.name, func(t *testing.T) { wantMessage(t, c.in.Validate(), api.ValidationException, c.want) })
	}
}

func contextOf(size int) api.EncryptionContext {
	return api.EncryptionContext{"é": strings.Repeat("x", size-2)}
}

// wantMessage checks an API error, or with an empty message that there is none.
func wantMessage(t *testing.T, err error, name, message string) {
	t.Helper()
	if message == "" {
		if err != nil {
			t.Fatalf("unexpected: %v", err)
		}
		return
	}
	var e *api.Error
	if !errors.As(err, &e) || e.Name != name {
		t.Fatalf("got %v, want a %s", err, name)
	}
	if e.Message != message {
		t.Errorf("got  %s\nwant %s", e.Message, message)
	}
}

// TestEveryConstrainedMemberIsCheckedInModelOrder spoils every member at once. The fields stand in model order.
func TestEveryConstrainedMemberIsCheckedInModelOrder(t *testing.T) {
	unconstrained := []string{"DryRun", "MultiRegion", "BypassPolicyLockoutSafetyCheck"}
	refusedAtAll := map[string][]string{"AssumeRoleInput": {"Policy", "PolicyArns", "Tags", "TransitiveTagKeys", "SerialNumber", "TokenCode",
		"SourceIdentity", "ProvidedContexts"}}
	path := regexp.MustCompile(` at '([^.']+)[^']*' failed`)
	for _, in := range inputs {
		v := reflect.ValueOf(in).Elem()
		fresh := reflect.New(v.Type())
		var want []string
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if slices.Contains(unconstrained, f.Name) || slices.Contains(refusedAtAll[v.Type().Name()], f.Name) {
				continue
			}
			fresh.Elem().Field(i).Set(spoiled(t, f.Type))
			wire, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			want = append(want, strings.ToLower(wire[:1])+wire[1:])
		}
		err := fresh.Interface().(input).Validate()
		if v.NumField() == 0 {
			continue
		}
		if err == nil {
			if len(want) > 0 {
				t.Errorf("%s: everything passes", v.Type().Name())
			}
			continue
		}
		var got []string
		for _, match := range path.FindAllStringSubmatch(err.Error(), -1) {
			got = append(got, match[1])
		}
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", v.Type().Name(), got, want)
		}
	}
}

// spoiled is a value that no member's constraints let pass.
func spoiled(t *testing.T, shape reflect.Type) reflect.Value {
	t.Helper()
	v := reflect.New(shape).Elem()
	switch {
	case shape.Kind() == reflect.Map:
		v.Set(reflect.ValueOf(contextOf(8193)))
	case shape.Kind() == reflect.Slice && shape.Elem().Kind() == reflect.Struct:
		v.Set(reflect.MakeSlice(shape, 1, 1))
	case shape == reflect.TypeFor[*api.GrantConstraints]():
		v.Set(reflect.ValueOf(&api.GrantConstraints{EncryptionContextEquals: contextOf(8193)}))
	case shape == reflect.TypeFor[*api.RecipientInfo]():
		v.Set(reflect.ValueOf(&api.RecipientInfo{AttestationDocument: []byte{}}))
	case shape.Kind() == reflect.Slice && shape.Elem().Kind() == reflect.String:
		v.Set(reflect.MakeSlice(shape, 1, 1))
	case shape.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(shape, 0, 0))
	case shape.Elem().Kind() == reflect.String:
		v.Set(reflect.New(shape.Elem()))
		v.Elem().SetString(strings.Repeat("é€", 70000))
	case shape.Elem().Kind() == reflect.Int32:
		v.Set(reflect.New(shape.Elem()))
	default:
		t.Fatalf("no bad value for %s", shape)
	}
	return v
}

func TestValidateBoundsItsMessage(t *testing.T) {
	in := &api.TagResourceInput{KeyID: new(strings.Repeat("k", 1<<20)), Tags: make([]api.Tag, 1000)}
	message := in.Validate().Error()
	if len(message) > 10_000 {
		t.Errorf("message of %d bytes", len(message))
	}
	if want := fmt.Sprintf("%d validation errors detected: ", 2001); !strings.Contains(message, want) {
		t.Errorf("message begins %.80s", message)
	}
}
