package api_test

import (
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

func TestCreateKeyResolvesSpecAndUsage(t *testing.T) {
	for _, c := range []struct {
		name, spec, old, usage string
		wantSpec               keyspec.KeySpec
		wantUsage              keyspec.KeyUsage
		wantError              string
	}{
		{name: "nothing", wantSpec: keyspec.SymmetricDefault, wantUsage: keyspec.EncryptDecrypt},
		{name: "the old name", old: "RSA_2048", usage: "SIGN_VERIFY", wantSpec: keyspec.RSA2048, wantUsage: keyspec.SignVerify},
		{name: "both names", spec: "RSA_2048", old: "RSA_2048", usage: "SIGN_VERIFY", wantError: api.BothKeySpecs().Message},
		{name: "no usage", spec: "HMAC_256", wantError: api.KeyUsageMissing().Message},
		{name: "a wrong usage", spec: "ECC_NIST_P256", usage: "ENCRYPT_DECRYPT",
			wantError: "KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec ECC_NIST_P256"},
		{name: "a wrong usage of the default spec", usage: "SIGN_VERIFY",
			wantError: "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := &api.CreateKeyInput{KeySpec: given[keyspec.KeySpec](c.spec), CustomerMasterKeySpec: given[keyspec.KeySpec](c.old),
				KeyUsage: given[keyspec.KeyUsage](c.usage)}
			if err := in.Validate(); err != nil {
				t.Fatal(err)
			}
			spec, usage, err := in.SpecAndUsage()
			wantMessage(t, err, api.ValidationException, c.wantError)
			if spec != c.wantSpec || usage != c.wantUsage {
				t.Errorf("got %s, %s", spec, usage)
			}
		})
	}
}

// given is a pointer to the text, or nil for none.
func given[T ~string](text string) *T {
	if text == "" {
		return nil
	}
	return new(T(text))
}

func TestWhatIsNotServedIsRefusedByName(t *testing.T) {
	recipient := &api.RecipientInfo{AttestationDocument: []byte{1}}
	for _, c := range []struct {
		in     interface{ Unserved() error }
		member string // "" is served
	}{
		{&api.CreateKeyInput{}, ""},
		{&api.CreateKeyInput{MultiRegion: new(false), Origin: new(keyspec.OriginKMS), KeySpec: new(keyspec.SymmetricDefault)}, ""},
		{&api.CreateKeyInput{MultiRegion: new(true)}, "MultiRegion"},
		{&api.CreateKeyInput{KeySpec: new(keyspec.MLKEM768)}, "KeySpec ML_KEM_768"},
		{&api.CreateKeyInput{CustomerMasterKeySpec: new(keyspec.RSA2048)}, "KeySpec RSA_2048"},
		{&api.CreateKeyInput{Origin: new(keyspec.OriginExternal)}, "Origin EXTERNAL"},
		{&api.CreateKeyInput{CustomKeyStoreID: new("cks-1")}, "CustomKeyStoreId"},
		{&api.CreateKeyInput{XksKeyID: new("x")}, "XksKeyId"},
		{&api.DecryptInput{}, ""},
		{&api.DecryptInput{Recipient: recipient}, "Recipient"},
		{&api.GenerateDataKeyInput{}, ""},
		{&api.GenerateDataKeyInput{Recipient: recipient}, "Recipient"},
		{&api.GenerateRandomInput{}, ""},
		{&api.GenerateRandomInput{Recipient: recipient}, "Recipient"},
		{&api.GenerateRandomInput{CustomKeyStoreID: new("cks-1")}, "CustomKeyStoreId"},
	} {
		err := c.in.Unserved()
		if c.member == "" {
			if err != nil {
				t.Errorf("%T: %v", c.in, err)
			}
			continue
		}
		if want := api.UnsupportedOperationException + ": " + c.member + " "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%T: got %v, want %s…", c.in, err, want)
		}
	}
}

func TestDataKeySizeIsExactlyOneOfTwoMembers(t *testing.T) {
	bytes, spec := new(int32(64)), new(keyspec.AES128)
	for _, c := range []struct {
		in   interface{ Size() (int, error) }
		want int // 0 is refused
	}{
		{&api.GenerateDataKeyInput{NumberOfBytes: bytes}, 64},
		{&api.GenerateDataKeyInput{KeySpec: spec}, 16},
		{&api.GenerateDataKeyInput{KeySpec: new(keyspec.AES256)}, 32},
		{&api.GenerateDataKeyInput{}, 0},
		{&api.GenerateDataKeyInput{NumberOfBytes: bytes, KeySpec: spec}, 0},
		{&api.GenerateDataKeyWithoutPlaintextInput{NumberOfBytes: bytes}, 64},
		{&api.GenerateDataKeyWithoutPlaintextInput{}, 0},
		{&api.GenerateRandomInput{NumberOfBytes: bytes}, 64},
		{&api.GenerateRandomInput{}, 0},
	} {
		got, err := c.in.Size()
		if got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%T: %d, %v", c.in, got, err)
		}
	}
}

func TestAliasNames(t *testing.T) {
	for name, want := range map[string]string{
		"alias/a": "", "alias/awsome": "", "alias/aws": "",
		"a": api.ValidationException, "Alias/a": api.ValidationException,
		"alias/":      api.InvalidAliasNameException,
		"alias/aws/s": api.NotAuthorizedException, "alias/aws/": api.NotAuthorizedException,
	} {
		err := api.CheckAliasName(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

func TestTagRules(t *testing.T) {
	many := make([]api.Tag, 51)
	for i := range many {
		many[i] = api.NewTag(strings.Repeat("k", i+1), "")
	}
	for _, c := range []struct {
		name string
		tags []api.Tag
		want *api.Error
	}{
		{"fifty", many[:50], nil},
		{"fifty-one", many, api.TagTooMany()},
		{"one key twice", []api.Tag{api.NewTag("a", "1"), api.NewTag("a", "2")}, api.TagDuplicate()},
		{"keys that differ in case", []api.Tag{api.NewTag("a", "1"), api.NewTag("A", "2")}, nil},
		{"a reserved key", []api.Tag{api.NewTag("aWs:a", "1")}, api.TagReserved()},
		{"a key that only looks reserved", []api.Tag{api.NewTag("awsome", "1")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			message := ""
			if c.want != nil {
				message = c.want.Message
			}
			wantMessage(t, api.CheckTags(c.tags), api.TagException, message)
		})
	}
}

func TestDefaults(t *testing.T) {
	ints := map[string][2]int{
		"window":          {(&api.ScheduleKeyDeletionInput{}).Window(), 30},
		"window given":    {(&api.ScheduleKeyDeletionInput{PendingWindowInDays: new(int32(7))}).Window(), 7},
		"period":          {(&api.EnableKeyRotationInput{}).Period(), 365},
		"keys":            {(&api.ListKeysInput{}).PageSize(), 100},
		"keys given":      {(&api.ListKeysInput{Limit: new(int32(1000))}).PageSize(), 1000},
		"aliases":         {(&api.ListAliasesInput{}).PageSize(), 50},
		"aliases clamped": {(&api.ListAliasesInput{Limit: new(int32(500))}).PageSize(), 100},
		"tags":            {(&api.ListResourceTagsInput{}).PageSize(), 50},
		"tags clamped":    {(&api.ListResourceTagsInput{Limit: new(int32(51))}).PageSize(), 50},
		"rotations":       {(&api.ListKeyRotationsInput{}).PageSize(), 100},
		"rotations given": {(&api.ListKeyRotationsInput{Limit: new(int32(1))}).PageSize(), 1},
	}
	for name, c := range ints {
		if c[0] != c[1] {
			t.Errorf("%s: got %d, want %d", name, c[0], c[1])
		}
	}
	for _, algorithm := range []keyspec.EncryptionAlgorithm{(&api.EncryptInput{}).Algorithm(), (&api.DecryptInput{}).Algorithm(),
		(&api.ReEncryptInput{}).SourceAlgorithm(), (&api.ReEncryptInput{}).DestinationAlgorithm()} {
		if algorithm != keyspec.EncryptionSymmetricDefault {
			t.Errorf("default algorithm %s", algorithm)
		}
	}
	if include := (&api.ListKeyRotationsInput{}).Include(); include != keyspec.RotationsOnly {
		t.Errorf("default selection %s", include)
	}
}
