package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

func TestDecodeReadsWhatClientsSend(t *testing.T) {
	body := ` {"KeyId":"k\u00e9\ud83d\ude00\n","Plaintext":"aGk=","EncryptionContext":{"a":"1","B":""},` +
		`"GrantTokens":["t"],"DryRun":false,"EncryptionAlgorithm":null,"Newer":{"x":[1,-2.5e3,true,null]}} `
	var got api.EncryptInput
	if err := api.Decode([]byte(body), &got, api.IgnoreUnknown); err != nil {
		t.Fatal(err)
	}
	want := api.EncryptInput{KeyID: new("ké😀\n"), Plaintext: api.Sensitive("hi"), DryRun: new(false),
		EncryptionContext: api.EncryptionContext{"a": "1", "B": ""}, GrantTokens: []string{"t"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeTellsAbsentFromEmpty(t *testing.T) {
	var got api.EncryptInput
	body := `{"KeyId":"","Plaintext":"","EncryptionContext":{},"GrantTokens":[],"DryRun":null}`
	if err := api.Decode([]byte(body), &got, api.IgnoreUnknown); err != nil {
		t.Fatal(err)
	}
	if got.KeyID == nil || got.Plaintext == nil || got.EncryptionContext == nil || got.GrantTokens == nil || got.DryRun != nil {
		t.Errorf("got %#v", got)
	}
}

func TestDecodeEmptiesItsTarget(t *testing.T) {
	got := api.EncryptInput{KeyID: new("old"), Plaintext: api.Sensitive("old")}
	if err := api.Decode([]byte(`{}`), &got, api.IgnoreUnknown); err != nil {
		t.Fatal(err)
	}
	if got.KeyID != nil || got.Plaintext != nil {
		t.Errorf("an old value remains")
	}
}

func TestDecodeNumbers(t *testing.T) {
	for body, want := range map[string]int32{`32`: 32, `32.9`: 32, `3.2e1`: 32, `-0`: 0, `2147483647`: 2147483647} {
		var got api.GenerateRandomInput
		if err := api.Decode([]byte(`{"NumberOfBytes":`+body+`}`), &got, api.IgnoreUnknown); err != nil || *got.NumberOfBytes != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestDecodeRefusals(t *testing.T) {
	deep := strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40)
	for _, c := range []struct{ name, body, message string }{
		{"nothing", ``, ""},
		{"null", `null`, ""},
		{"a string", `"a"`, ""},
		{"no JSON", `KeyId=a`, ""},
		{"a trailing comma", `{"KeyId":"a",}`, ""},
		{"text after the object", `{"KeyId":"a"} {}`, ""},
		{"an object that does not end", `{"KeyId":"a"`, ""},
		{"a string that does not end", `{"KeyId":"a`, ""},
		{"a string that ends in an escape", `{"KeyId":"a\`, ""},
		{"a raw line feed in a string", "{\"KeyId\":\"a\n\"}", ""},
		{"an unknown escape", `{"KeyId":"\x"}`, ""},
		{"a short escape", `{"KeyId":"\u12"}`, ""},
		{"a word that is none", `{"DryRun":tru}`, ""},
		{"a number with a leading zero", `{"Number":01}`, ""},
		{"a number without digits", `{"Number":-}`, ""},
		{"invalid UTF-8", "{\"KeyId\":\"\xff\"}", ""},
		{"invalid UTF-8 in a name", "{\"\xc0\x80\":1}", ""},
		{"a high surrogate alone", `{"KeyId":"\ud800"}`, ""},
		{"a high surrogate before a letter", `{"KeyId":"\ud800a"}`, ""},
		{"a low surrogate alone", `{"KeyId":"\udc00"}`, ""},
		{"two high surrogates", `{"KeyId":"\ud800\ud800"}`, ""},
		{"a surrogate alone in an unknown member", `{"X":"\ud800"}`, ""},
		{"a byte order mark", "\ufeff{}", ""},
		{"a list", `[]`, "Start of list found where not expected"},
		{"a number for a string", `{"KeyId":1}`, "NUMBER_VALUE can not be converted to a String"},
		{"true for a string", `{"KeyId":true}`, "TRUE_VALUE can not be converted to a String"},
		{"false for a string", `{"KeyId":false}`, "FALSE_VALUE can not be converted to a String"},
		{"an object for a string", `{"KeyId":{}}`, "Start of structure or map found where not expected."},
		{"a list for a string", `{"KeyId":[]}`, "Expected null"},
		{"a string for a boolean", `{"DryRun":"true"}`, "STRING_VALUE can not be converted to a Boolean"},
		{"a string for a list", `{"GrantTokens":"t"}`, "Expected list or null"},
		{"an object for a list", `{"GrantTokens":{}}`, "Start of structure or map found where not expected."},
		{"a string for a map", `{"EncryptionContext":"t"}`, "Expected null"},
		{"a list for a map", `{"EncryptionContext":[]}`, "Start of list found where not expected"},
		{"a number in a map", `{"EncryptionContext":{"a":1}}`, "NUMBER_VALUE can not be converted to a String"},
		{"null in a map", `{"EncryptionContext":{"a":null}}`, "null found in map EncryptionContext"},
		{"null in a list", `{"GrantTokens":["a",null]}`, "null found in list GrantTokens"},
		{"a member twice", `{"KeyId":"a","KeyId":"a"}`, "Duplicate member KeyId"},
		{"a member twice by an escape", `{"KeyId":"a","Key\u0049d":null}`, "Duplicate member KeyId"},
		{"an unknown member twice", `{"X":1,"X":1}`, "Duplicate member X"},
		{"a map key twice", `{"EncryptionContext":{"a":"1","a":"2"}}`, "Duplicate member EncryptionContext.a"},
		{"a blob without padding", `{"Plaintext":"aGk"}`, "Invalid base64 in Plaintext"},
		{"a blob with loose bits", `{"Plaintext":"aGl="}`, "Invalid base64 in Plaintext"},
		{"a blob with a line feed", `{"Plaintext":"aG\nk="}`, "Invalid base64 in Plaintext"},
		{"a blob of the URL alphabet", `{"Plaintext":"_-8="}`, "Invalid base64 in Plaintext"},
		{"a number for a blob", `{"Plaintext":1}`, "NUMBER_VALUE can not be converted to a Blob"},
		{"deep nesting", `{"X":` + deep + `}`, "Nested too deeply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e *api.Error
			err := api.Decode([]byte(c.body), &api.EncryptInput{}, api.IgnoreUnknown)
			if !errors.As(err, &e) || e.Name != api.SerializationException || e.Message != c.message {
				t.Errorf("got %v, want %q", err, c.message)
			}
		})
	}
}

func TestDecodeRefusesIntegersItCannotHold(t *testing.T) {
	for body, want := range map[string]string{
		`"5"`: "STRING_VALUE can not be converted to an Integer", `true`: "TRUE_VALUE can not be converted to an Integer",
		`2147483648`: "NUMBER_VALUE can not be converted to an Integer", `1e999`: "NUMBER_VALUE can not be converted to an Integer",
	} {
		err := api.Decode([]byte(`{"NumberOfBytes":`+body+`}`), &api.GenerateRandomInput{}, api.IgnoreUnknown)
		wantMessage(t, err, api.SerializationException, want)
	}
}

func TestDecodeNamesAllUnknownMembersWhenAsked(t *testing.T) {
	body := `{"keyid":"a","Tags":[{"TagKey":"k","TagValue":"v"},{"Key":"k"}],"Colour":{"Tags":1}}`
	err := api.Decode([]byte(body), &api.TagResourceInput{}, api.RefuseUnknown)
	var unknown *api.UnknownMembersError
	if !errors.As(err, &unknown) {
		t.Fatal(err)
	}
	want := "unknown members: keyid (did you mean KeyId?), Tags[1].Key, Colour"
	if err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var in api.TagResourceInput
	if err := api.Decode([]byte(body), &in, api.IgnoreUnknown); err != nil || in.KeyID != nil {
		t.Errorf("a name of another case was taken: %v, %v", err, in.KeyID)
	}
}

// TestErrorsOfTheDecoderRepeatLittleOfTheRequest sends names and lists of unknown members that fill a request.
func TestErrorsOfTheDecoderRepeatLittleOfTheRequest(t *testing.T) {
	long, cut := strings.Repeat("é", 200_000), strings.Repeat("é", 64)+"…"
	var many strings.Builder
	for i := range 80_000 {
		fmt.Fprintf(&many, `"u%05d":1,`, i)
	}
	for _, c := range []struct{ name, body, want string }{
		{"a long member twice", `{"` + long + `":1,"` + long + `":1}`, "Duplicate member " + cut},
		{"a long map key twice", `{"EncryptionContext":{"` + long + `":"1","` + long + `":"2"}}`, "Duplicate member EncryptionContext." + cut},
		{"a long name in an unknown member twice", `{"X":{"` + long + `":1,"` + long + `":2}}`, "Duplicate member " + cut},
		{"an unknown member of a long name", `{"` + long + `":1}`, "unknown members: " + cut},
		{"many unknown members", `{` + many.String() + `"keyid":1}`,
			"unknown members: u00000, u00001, u00002, u00003, u00004, u00005, u00006, u00007 and 79993 more"},
		{"a name of 64 characters", `{"` + long[:128] + `":1}`, "unknown members: " + long[:128]},
	} {
		err := api.Decode([]byte(c.body), &api.EncryptInput{}, api.RefuseUnknown)
		if err == nil || !strings.HasSuffix(err.Error(), c.want) || len(err.Error()) > 300 {
			t.Errorf("%s: the error has %d bytes: %.400s, want %s", c.name, len(fmt.Sprint(err)), fmt.Sprint(err), c.want)
		}
	}
}

func TestDecodeBoundsTheSize(t *testing.T) {
	err := api.Decode(bytes.Repeat([]byte(" "), api.MaxBody+1), &api.EncryptInput{}, api.IgnoreUnknown)
	wantMessage(t, err, api.RequestEntityTooLargeException, "The request is larger than 1048576 bytes.")
	var out api.ListKeysOutput
	answer := append(bytes.Repeat([]byte(" "), api.MaxBody+1), `{"NextMarker":"m","New":1}`...)
	if err := api.DecodeAnswer(answer, &out); err != nil || out.NextMarker != "m" {
		t.Errorf("an answer, which its reader bounds, gives %v, %v", out, err)
	}
}

func TestDecodeCopiesEverything(t *testing.T) {
	body := []byte(`{"KeyId":"key","Plaintext":"aGk="}`)
	var in api.EncryptInput
	if err := api.Decode(body, &in, api.IgnoreUnknown); err != nil {
		t.Fatal(err)
	}
	clear(body)
	if *in.KeyID != "key" || string(in.Plaintext) != "hi" {
		t.Error("the shape shares memory with the body")
	}
}

func FuzzDecode(f *testing.F) {
	prototypes := slicesOfShapes()
	for _, body := range []string{
		`{"KeyId":"k","Plaintext":"aGk=","EncryptionContext":{"a":"1"},"DryRun":true}`,
		`{"Tags":[{"TagKey":"k","TagValue":"v"}],"KeySpec":"RSA_2048","MultiRegion":false}`,
		`{"KeyMetadata":{"KeyId":"k","CreationDate":1.7000000005e9,"EncryptionAlgorithms":[],"MultiRegionConfiguration":{"PrimaryKey":{}}}}`,
		`{"Keys":[],"Truncated":true,"NextMarker":"\u00e9\ud83d\ude00"}`, `{"Recipient":{"AttestationDocument":"AA=="}}`,
		`{"Rotations":[{"ValidTo":-0.001}],"Limit":3.7}`, `[]`, `null`, `{"X":[[{}]]}`,
	} {
		for i := range prototypes {
			f.Add(uint8(i), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		shape := reflect.TypeOf(prototypes[int(which)%len(prototypes)]).Elem()
		first := reflect.New(shape).Interface()
		if api.Decode(body, first, api.IgnoreUnknown) != nil {
			return
		}
		text := encode(t, first)
		second := reflect.New(shape).Interface()
		if err := api.Decode(text, second, api.RefuseUnknown); err != nil {
			t.Fatalf("decode %s: %v", text, err)
		}
		if again := encode(t, second); !bytes.Equal(text, again) {
			t.Fatalf("%s became %s", text, again)
		}
		if in, ok := first.(input); ok {
			if !reflect.DeepEqual(first, second) {
				t.Fatalf("%s decoded to another value", text)
			}
			_ = in.Validate()
		}
		api.AuditFields(first)
	})
}

func slicesOfShapes() []any {
	all := append([]any{}, outputs...)
	for _, in := range inputs {
		all = append(all, in)
	}
	return all
}

func encode(t *testing.T, shape any) []byte {
	t.Helper()
	text, err := api.Encode(shape)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
