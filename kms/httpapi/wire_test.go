package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

func TestASuccessIsJSON(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	got := b.call("TrentService.Encrypt", `{"KeyId":"`+key+`","Plaintext":"aGVsbG8="}`)
	var sealed struct {
		KeyID                               string `json:"KeyId"`
		CiphertextBlob, EncryptionAlgorithm string
	}
	if err := json.Unmarshal([]byte(got.body), &sealed); err != nil || got.status != 200 || got.header.Get("Content-Type") != jsonKind {
		t.Fatalf("got %d %v %s", got.status, got.header, got.body)
	}
	if got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("an answer may be stored: %v", got.header)
	}
	if !strings.HasSuffix(sealed.KeyID, key) || sealed.EncryptionAlgorithm != "SYMMETRIC_DEFAULT" {
		t.Errorf("got %s", got.body)
	}
	opened := b.call("TrentService.Decrypt", `{"CiphertextBlob":"`+sealed.CiphertextBlob+`"}`)
	if want := `"Plaintext":"` + base64.StdEncoding.EncodeToString([]byte("hello")) + `"`; opened.status != 200 || !strings.Contains(opened.body, want) {
		t.Errorf("got %d %s", opened.status, opened.body)
	}
}

func TestAnAnswerWithoutMembersHasNoBody(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	for _, target := range []string{"TrentService.DisableKey", "TrentService.EnableKey", "TrentService.DisableKeyRotation"} {
		got := b.call(target, `{"KeyId":"`+key+`"}`)
		if got.status != 200 || got.body != "" || got.header.Get("Content-Length") != "0" || got.header.Get("Content-Type") != jsonKind {
			t.Errorf("%s: got %d %v %q", target, got.status, got.header, got.body)
		}
	}
}

func TestKeyholdsOwnVerbsHaveAPrefixOfTheirOwn(t *testing.T) {
	b := newBench(t)
	if got := b.call("Keyhold.ListAccounts", `{}`); got.status != 200 || !strings.Contains(got.body, account) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	b.refused(b.call("Keyhold.ListAccounts", `{"Lmit":1}`), 400, "ValidationException", "unknown members: Lmit")
	if got := b.call("TrentService.ListKeys", `{"Lmit":1}`); got.status != 200 {
		t.Errorf("an unknown member of AWS's own operation is refused: %d %s", got.status, got.body)
	}
}

func TestErrorsAreThoseOfTheWire(t *testing.T) {
	b := newBench(t)
	missing := "1234abcd-12ab-34cd-56ef-1234567890ab"
	for _, c := range []struct {
		name, target, body string
		status             int
		code               string
		message            []string
	}{
		{"a member that is missing", "TrentService.DescribeKey", `{}`, 400, "ValidationException",
			[]string{"1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null"}},
		{"a key that there is not", "TrentService.DescribeKey", `{"KeyId":"` + missing + `"}`, 400, "NotFoundException",
			[]string{"Key 'arn:aws:kms:" + region + ":" + account + ":key/" + missing + "' does not exist"}},
		{"a ciphertext that is none", "TrentService.Decrypt", `{"CiphertextBlob":"AAAA"}`, 400, "InvalidCiphertextException", nil},
		{"no JSON", "TrentService.ListKeys", `KeyId=1`, 400, "SerializationException", nil},
		{"no body", "TrentService.ListKeys", ``, 400, "SerializationException", nil},
		{"null", "TrentService.ListKeys", `null`, 400, "SerializationException", nil},
		{"a list", "TrentService.ListKeys", `[]`, 400, "SerializationException", []string{"Start of list found where not expected"}},
		{"a text for a number", "TrentService.ListKeys", `{"Limit":"1"}`, 400, "SerializationException", []string{"STRING_VALUE can not be converted to an Integer"}},
		{"an operation that there is not", "TrentService.Frobnicate", `{}`, 400, "UnknownOperationException", nil},
		{"an operation in other letters", "TrentService.listkeys", `{}`, 400, "UnknownOperationException", nil},
		{"an operation of AWS that is not served", "TrentService.Sign", `{}`, 400, "UnsupportedOperationException",
			[]string{"Operation Sign is not supported. This server does not serve asymmetric keys yet. Use symmetric encryption keys."}},
		{"one of those in other letters", "TrentService.sign", `{}`, 400, "UnknownOperationException", nil},
		{"one of those as Keyhold's own", "Keyhold.Sign", `{}`, 400, "UnknownOperationException", nil},
		{"one of those without a prefix", "Sign", `{}`, 400, "UnknownOperationException", nil},
		{"no prefix", "ListKeys", `{}`, 400, "UnknownOperationException", nil},
		{"another prefix", "DynamoDB_20120810.ListKeys", `{}`, 400, "UnknownOperationException", nil},
		{"a prefix in other letters", "trentservice.ListKeys", `{}`, 400, "UnknownOperationException", nil},
		{"only a prefix", "TrentService.", `{}`, 400, "UnknownOperationException", nil},
		{"two operations", "TrentService.ListKeys.ListKeys", `{}`, 400, "UnknownOperationException", nil},
		{"a verb of Keyhold's as one of AWS's", "TrentService.ListAccounts", `{}`, 400, "UnknownOperationException", nil},
		{"an operation of AWS as Keyhold's own", "Keyhold.ListKeys", `{}`, 400, "UnknownOperationException", nil},
		{"an operation of STS", "TrentService.GetCallerIdentity", `{}`, 400, "UnknownOperationException", nil},
		{"the name of a table's row, and nothing else", "CreateKey", `{}`, 400, "UnknownOperationException", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			got := b.call(c.target, c.body)
			b.refused(got, c.status, c.code, c.message...)
			record := b.audit.of(got.id)
			if len(record) != 1 || record[0]["errorCode"] != c.code {
				t.Errorf("the request is recorded as %v", record)
			}
		})
	}
	b.t = t
	if keys := do[*api.ListKeysOutput](b, "ListKeys", &api.ListKeysInput{}).Keys; len(keys) != 0 {
		t.Errorf("a refused request made %v", keys)
	}
}

func TestNoTargetIsNoOperation(t *testing.T) {
	b := newBench(t)
	r := request("", `{}`)
	r.Header.Del("X-Amz-Target")
	b.refused(b.ask(b.sign(r, b.ada)), 400, "UnknownOperationException")
}

func TestWhatIsNoCallOfTheAPIIsNotToldApart(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name string
		edit func(r *http.Request)
	}{
		{"GET", func(r *http.Request) { r.Method = http.MethodGet }},
		{"PUT", func(r *http.Request) { r.Method = http.MethodPut }},
		{"post", func(r *http.Request) { r.Method = "post" }},
		{"a path", func(r *http.Request) { r.URL.Path, r.RequestURI = "/keys", "/keys" }},
		{"two slashes, which are signed as one", func(r *http.Request) { r.URL.Path, r.RequestURI = "//", "//" }},
		{"a dot, which is signed as nothing", func(r *http.Request) { r.URL.Path, r.RequestURI = "/.", "/." }},
		{"a way back", func(r *http.Request) { r.URL.Path, r.RequestURI = "/x/..", "/x/.." }},
		{"a slash that is escaped", func(r *http.Request) { r.URL.Path, r.URL.RawPath, r.RequestURI = "//", "/%2F", "/%2F" }},
		{"a query", func(r *http.Request) { r.URL.RawQuery, r.RequestURI = "a=b", "/?a=b" }},
		{"a query with nothing in it", func(r *http.Request) { r.URL.ForceQuery, r.RequestURI = true, "/?" }},
		{"no content type", func(r *http.Request) { r.Header.Del("Content-Type") }},
		{"plain JSON", func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }},
		{"JSON 1.0", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-amz-json-1.0") }},
		{"CBOR", func(r *http.Request) { r.Header.Set("Content-Type", "application/cbor") }},
		{"a content type that is none", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-amz-json-1.1; ;") }},
		{"two content types", func(r *http.Request) { r.Header.Add("Content-Type", jsonKind) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			r := b.sign(request("TrentService.ListKeys", `{}`), b.ada)
			c.edit(r)
			got := b.ask(r)
			if got.status != 404 || got.body != "<UnknownOperationException/>\n" || got.header.Get("Content-Type") != "text/xml" {
				t.Errorf("got %d %v %q", got.status, got.header, got.body)
			}
		})
	}
}

func TestAContentTypeMayHaveParametersAndAnyLetters(t *testing.T) {
	b := newBench(t)
	for _, kind := range []string{jsonKind + "; charset=utf-8", "Application/X-Amz-Json-1.1"} {
		r := request("TrentService.ListKeys", `{}`)
		r.Header.Set("Content-Type", kind)
		if got := b.ask(b.sign(r, b.ada)); got.status != 200 {
			t.Errorf("%s: %d %s", kind, got.status, got.body)
		}
	}
}

func TestTheRecordSaysWhereTheRequestCameFrom(t *testing.T) {
	b := newBench(t)
	r := request("TrentService.ListKeys", `{}`)
	r.Header.Set("User-Agent", "aws-cli/"+strings.Repeat("9", 4000))
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	r.RemoteAddr = "192.0.2.7:4711"
	got := b.ask(b.sign(r, b.ada))
	record := b.audit.of(got.id)
	if got.status != 200 || len(record) != 1 {
		t.Fatalf("got %d %s, recorded %v", got.status, got.body, record)
	}
	if agent, _ := record[0]["userAgent"].(string); record[0]["sourceIPAddress"] != "192.0.2.7" || len(agent) != 512 {
		t.Errorf("recorded %v", record[0])
	}
	if who, _ := record[0]["userIdentity"].(map[string]any); who["arn"] != b.adaARN || who["accessKeyId"] != b.ada.AccessKeyID {
		t.Errorf("recorded %v", record[0]["userIdentity"])
	}
}
