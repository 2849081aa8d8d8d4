package ops_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/ops"
)

// subject is what a sample request is about. Keys are named in whatever way a test wants to name them.
type subject struct {
	key   string // the key; of ReEncrypt the source, of UpdateAlias the new target
	other string // the destination of ReEncrypt
	alias string // an alias that exists
	fresh string // an alias name that is not taken
	blob  []byte // a ciphertext of key, without encryption context
}

// samples has one request that succeeds for every operation of the table, given a key in the state that it needs.
var samples = map[string]func(s subject) kms.Input{
	"CancelKeyDeletion": func(s subject) kms.Input { return &api.CancelKeyDeletionInput{KeyID: &s.key} },
	"CreateAlias":       func(s subject) kms.Input { return &api.CreateAliasInput{AliasName: &s.fresh, TargetKeyID: &s.key} },
	"CreateKey": func(subject) kms.Input {
		return &api.CreateKeyInput{Description: new("a key"), Tags: []api.Tag{api.NewTag("team", "blue")}}
	},
	"Decrypt":            func(s subject) kms.Input { return &api.DecryptInput{KeyID: &s.key, CiphertextBlob: s.blob} },
	"DeleteAlias":        func(s subject) kms.Input { return &api.DeleteAliasInput{AliasName: &s.alias} },
	"DescribeKey":        func(s subject) kms.Input { return &api.DescribeKeyInput{KeyID: &s.key} },
	"DisableKey":         func(s subject) kms.Input { return &api.DisableKeyInput{KeyID: &s.key} },
	"DisableKeyRotation": func(s subject) kms.Input { return &api.DisableKeyRotationInput{KeyID: &s.key} },
	"EnableKey":          func(s subject) kms.Input { return &api.EnableKeyInput{KeyID: &s.key} },
	"EnableKeyRotation":  func(s subject) kms.Input { return &api.EnableKeyRotationInput{KeyID: &s.key} },
	"Encrypt": func(s subject) kms.Input {
		return &api.EncryptInput{KeyID: &s.key, Plaintext: []byte("attack at dawn")}
	},
	"GenerateDataKey": func(s subject) kms.Input {
		return &api.GenerateDataKeyInput{KeyID: &s.key, NumberOfBytes: new(int32(32))}
	},
	"GenerateDataKeyWithoutPlaintext": func(s subject) kms.Input {
		return &api.GenerateDataKeyWithoutPlaintextInput{KeyID: &s.key, NumberOfBytes: new(int32(32))}
	},
	"GenerateRandom":       func(subject) kms.Input { return &api.GenerateRandomInput{NumberOfBytes: new(int32(32))} },
	"GetKeyRotationStatus": func(s subject) kms.Input { return &api.GetKeyRotationStatusInput{KeyID: &s.key} },
	"ListAliases":          func(s subject) kms.Input { return &api.ListAliasesInput{KeyID: &s.key} },
	"ListKeyRotations":     func(s subject) kms.Input { return &api.ListKeyRotationsInput{KeyID: &s.key} },
	"ListKeys":             func(subject) kms.Input { return &api.ListKeysInput{} },
	"ListResourceTags":     func(s subject) kms.Input { return &api.ListResourceTagsInput{KeyID: &s.key} },
	"ReEncrypt": func(s subject) kms.Input {
		return &api.ReEncryptInput{SourceKeyID: &s.key, CiphertextBlob: s.blob, DestinationKeyID: &s.other}
	},
	"RotateKeyOnDemand":   func(s subject) kms.Input { return &api.RotateKeyOnDemandInput{KeyID: &s.key} },
	"ScheduleKeyDeletion": func(s subject) kms.Input { return &api.ScheduleKeyDeletionInput{KeyID: &s.key} },
	"TagResource": func(s subject) kms.Input {
		return &api.TagResourceInput{KeyID: &s.key, Tags: []api.Tag{api.NewTag("stage", "test")}}
	},
	"UntagResource": func(s subject) kms.Input { return &api.UntagResourceInput{KeyID: &s.key, TagKeys: []string{"stage"}} },
	"UpdateAlias":   func(s subject) kms.Input { return &api.UpdateAliasInput{AliasName: &s.alias, TargetKeyID: &s.key} },
	"UpdateKeyDescription": func(s subject) kms.Input {
		return &api.UpdateKeyDescriptionInput{KeyID: &s.key, Description: new("said anew")}
	},
}

// sample is a request for an operation. An operation without a sample fails the test that wants one.
func sample(t testing.TB, operation string, s subject) kms.Input {
	t.Helper()
	if samples[operation] == nil {
		t.Fatalf("%s has no sample request: add one to samples", operation)
	}
	return samples[operation](s)
}

func TestEveryOperationHasASampleRequestAndNothingElseHas(t *testing.T) {
	var names []string
	for _, row := range ops.Table() {
		names = append(names, row.Describe().Name)
		sample(t, row.Describe().Name, subject{})
	}
	for name := range samples {
		if !slices.Contains(names, name) {
			t.Errorf("%s has a sample and is no operation", name)
		}
	}
	if !slices.IsSorted(names) {
		t.Error("the table is not in alphabetical order")
	}
}

// member is a member of a request by its name on the wire.
func member(t testing.TB, in kms.Input, name string) reflect.Value {
	t.Helper()
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		if wire, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); wire == name {
			return v.Field(i)
		}
	}
	t.Fatalf("%T has no member %s", in, name)
	return reflect.Value{}
}

// keyMembers are the members of a request that name a KMS key, in the order of the shape.
func keyMembers(in kms.Input) []string {
	var names []string
	shape := reflect.TypeOf(in).Elem()
	for i := range shape.NumField() {
		name, _, _ := strings.Cut(shape.Field(i).Tag.Get("json"), ",")
		if strings.HasSuffix(name, "KeyId") && name != "XksKeyId" {
			names = append(names, name)
		}
	}
	return names
}

// lowerCamel is a member's name as messages spell it.
func lowerCamel(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// errorOf is the name and text of an AWS error; of nil, nothing.
func errorOf(err error) (name, message string) {
	var e *api.Error
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &e):
		return e.Name, e.Message
	default:
		return "not an AWS error", err.Error()
	}
}

// newAlias names a key.
func (b *bench) newAlias(name, key string) {
	b.t.Helper()
	must[*api.CreateAliasOutput](b, "CreateAlias", &api.CreateAliasInput{AliasName: &name, TargetKeyID: &key})
}

// newSubject is a key with an alias and a ciphertext, another key, and an alias name that is free.
func (b *bench) newSubject(name string) subject {
	b.t.Helper()
	s := subject{key: b.newKey(), other: b.newKey(), alias: "alias/" + name, fresh: "alias/fresh-" + name}
	b.newAlias(s.alias, s.key)
	s.blob = b.encrypt(s.key, "attack at dawn", nil)
	return s
}

// mustEncode is the JSON of a shape.
func mustEncode(t testing.TB, shape any) string {
	t.Helper()
	text, err := api.Encode(shape)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ask is a request as the wire carries it.
func (b *bench) ask(operation string, body []byte) kms.Request {
	return kms.Request{Operation: operation, Caller: b.root(), Body: body}
}
