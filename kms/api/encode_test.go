package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

func TestEncodeFollowsThePresenceRules(t *testing.T) {
	metadata := api.KeyMetadata{AWSAccountID: "210987654321", KeyID: someKey, Arn: keyARN, CreationDate: 1700000000123456,
		KeyUsage: keyspec.EncryptDecrypt, KeyState: keyspec.StateDisabled, Origin: keyspec.OriginKMS,
		KeyManager: keyspec.ManagerCustomer, CustomerMasterKeySpec: keyspec.SymmetricDefault, KeySpec: keyspec.SymmetricDefault}
	metadata.SetAlgorithms()
	for _, c := range []struct {
		name string
		out  any
		want string
	}{
		{"metadata", api.CreateKeyOutput{KeyMetadata: metadata}, `{"KeyMetadata":{"AWSAccountId":"210987654321","KeyId":"` +
			someKey + `","Arn":"` + keyARN + `","CreationDate":1700000000.123,"Enabled":false,"Description":"",` +
			`"KeyUsage":"ENCRYPT_DECRYPT","KeyState":"Disabled","Origin":"AWS_KMS","KeyManager":"CUSTOMER",` +
			`"CustomerMasterKeySpec":"SYMMETRIC_DEFAULT","KeySpec":"SYMMETRIC_DEFAULT",` +
			`"EncryptionAlgorithms":["SYMMETRIC_DEFAULT"],"MultiRegion":false}}`},
		{"an empty page of keys", &api.ListKeysOutput{}, `{"Keys":[],"Truncated":false}`},
		{"an empty page of aliases", &api.ListAliasesOutput{}, `{"Aliases":[],"Truncated":false}`},
		{"an empty page of tags", &api.ListResourceTagsOutput{}, `{"Tags":[],"Truncated":false}`},
		{"an empty page of rotations", &api.ListKeyRotationsOutput{}, `{"Rotations":[],"Truncated":false}`},
		{"a page with more behind it", &api.ListKeysOutput{Keys: []api.KeyListEntry{{KeyID: "a", KeyArn: "b"}}, NextMarker: "m", Truncated: true},
			`{"Keys":[{"KeyId":"a","KeyArn":"b"}],"NextMarker":"m","Truncated":true}`},
		{"rotation off", &api.GetKeyRotationStatusOutput{KeyID: "k"}, `{"KeyRotationEnabled":false,"KeyId":"k"}`},
		{"a lone primary", &api.MultiRegionConfiguration{MultiRegionKeyType: keyspec.MultiRegionPrimary, PrimaryKey: &api.MultiRegionKey{Arn: "a", Region: "r"}},
			`{"MultiRegionKeyType":"PRIMARY","PrimaryKey":{"Arn":"a","Region":"r"},"ReplicaKeys":[]}`},
		{"a data key", &api.GenerateDataKeyOutput{CiphertextBlob: []byte{0xfb, 0xff}, Plaintext: api.Sensitive{0}, KeyID: "k"},
			`{"CiphertextBlob":"+/8=","Plaintext":"AA==","KeyId":"k"}`},
		{"nothing", api.Void{}, `{}`},
		{"a field without a wire name", struct{ X func() }{}, `{}`},
		{"a map in the order of its keys", &api.DecryptInput{EncryptionContext: api.EncryptionContext{"b": "<&>\u2028", "a": "\x00\"\\"}},
			`{"EncryptionContext":{"a":"\u0000\"\\","b":"<&>` + "\u2028" + `"}}`},
		{"whole seconds", &api.ScheduleKeyDeletionOutput{DeletionDate: api.TimeOf(time.Unix(1700000000, 0))}, `{"DeletionDate":1700000000}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(encode(t, c.out)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestEncodeAgreesWithTheStandardLibrary fills every member of every shape; encoding/json is the witness.
func TestEncodeAgreesWithTheStandardLibrary(t *testing.T) {
	for _, shape := range slicesOfShapes() {
		v := reflect.New(reflect.TypeOf(shape).Elem())
		fill(v.Elem())
		var want bytes.Buffer
		encoder := json.NewEncoder(&want)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v.Interface()); err != nil {
			t.Fatal(err)
		}
		text := encode(t, v.Interface())
		if string(text) != strings.TrimSuffix(want.String(), "\n") {
			t.Errorf("%T:\n got %s\nwant %s", shape, text, &want)
		}
		back := reflect.New(v.Type().Elem())
		if err := api.Decode(text, back.Interface(), api.RefuseUnknown); err != nil {
			t.Errorf("%T: %v", shape, err)
		}
		if !reflect.DeepEqual(v.Interface(), back.Interface()) {
			t.Errorf("%T does not survive the wire", shape)
		}
	}
}

// fill gives every member a value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(api.EncryptionContext{"z": "<1>", "a": "é"}))
	case reflect.String:
		v.SetString("té<\"\n")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(1700000000120000)
	case reflect.Int32:
		v.SetInt(7)
	case reflect.Uint8:
		v.SetUint(0xA5)
	default:
		panic(v.Type())
	}
}

func TestEncodeRefusesWhatHasNoWireForm(t *testing.T) {
	for _, bad := range []any{nil, 1.5, struct {
		X func() `json:"X"`
	}{}, map[string]int{"a": 1}, (*api.EncryptInput)(nil)} {
		if text, err := api.Encode(bad); err == nil {
			t.Errorf("%T became %s", bad, text)
		}
	}
	if err := api.Decode([]byte(`{}`), api.EncryptInput{}, api.IgnoreUnknown); err == nil {
		t.Error("decoded into a value that nobody sees")
	}
}

func TestSensitiveNeverShows(t *testing.T) {
	in := &api.EncryptInput{Plaintext: api.Sensitive("topsecret")}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "p", in.Plaintext, "in", in)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "p", in.Plaintext)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&log, verb+verb, in.Plaintext, *in)
	}
	log.WriteString(in.Plaintext.String() + in.Plaintext.GoString())
	for _, leak := range []string{"topsecret", "746f70", "746F70", "116 111", "0x74", "dG9w"} {
		if strings.Contains(log.String(), leak) {
			t.Errorf("%q in %s", leak, &log)
		}
	}
	in.Plaintext.Wipe()
	if string(in.Plaintext) != strings.Repeat("\x00", 9) {
		t.Error("not wiped")
	}
}

func TestTimes(t *testing.T) {
	for number, want := range map[string]api.Time{
		`1.7E9`: 1700000000000000, `1700000000.1234`: 1700000000123000, `-1.5`: -1500000, `253402300799`: 253402300799000000,
	} {
		var out api.ScheduleKeyDeletionOutput
		if err := api.Decode([]byte(`{"DeletionDate":`+number+`}`), &out, api.IgnoreUnknown); err != nil || out.DeletionDate != want {
			t.Errorf("%s: %d, %v", number, out.DeletionDate, err)
		}
	}
	for number, message := range map[string]string{`1e20`: "NUMBER_VALUE", `"2026-11-20"`: "STRING_VALUE"} {
		err := api.Decode([]byte(`{"DeletionDate":`+number+`}`), &api.ScheduleKeyDeletionOutput{}, api.IgnoreUnknown)
		wantMessage(t, err, api.SerializationException, message+" can not be converted to a Timestamp")
	}
	at := time.Date(2026, 12, 4, 12, 0, 0, 123456789, time.UTC)
	if got := api.TimeOf(at).Time(); !got.Equal(at.Truncate(time.Microsecond)) {
		t.Errorf("got %s", got)
	}
	if !api.TimeOf(time.Time{}).Time().IsZero() {
		t.Error("the zero time is not absent")
	}
	var back api.Time
	if err := json.Unmarshal([]byte(`1.25`), &back); err != nil || back != 1250000 {
		t.Errorf("%d, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`"x"`), &back); err == nil {
		t.Error("read a string as a time")
	}
}
