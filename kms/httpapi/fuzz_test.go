package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/httpapi"
	"github.com/keyhold/keyhold/kms/ops"
)

// FuzzQuery: what a form says of an operation's members is what its JSON says, or the shape refuses it.
func FuzzQuery(f *testing.F) {
	rows := map[string]kms.Row{}
	for _, row := range ops.Table() {
		rows[row.Describe().Name] = row
	}
	for _, form := range []string{
		"Action=GetCallerIdentity&Version=2011-06-15",
		"Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws&RoleSessionName=a+b&DurationSeconds=900&ExternalId=%22%0A%5C",
		"Action=AssumeRole&Version=2011-06-15&Tags.member.1.Key=a&Tags.member.1.Value=b&TransitiveTagKeys.member.1=a&Policy=",
		"Version=2011-06-15&Action=AssumeRole&DurationSeconds=007&DurationSeconds=-0&RoleArn&=&%zz;",
	} {
		f.Add([]byte(form))
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		name, served, body := httpapi.ReadForm(rows, form)
		values, err := url.ParseQuery(string(form))
		if served && (values.Get("Action") != name || values.Get("Version") != "2011-06-15") {
			t.Fatalf("%q is served as %q", form, name)
		}
		if body == nil {
			return
		}
		if err != nil || !served || rows[name] == nil {
			t.Fatalf("%q makes %s", form, body)
		}
		if !json.Valid(body) {
			t.Fatalf("%q makes %s, which is no JSON", form, body)
		}
		in := rows[name].Describe().NewInput()
		if api.Decode(body, in, api.IgnoreUnknown) == nil {
			checkMembers(t, values, in)
		}
	})
}

// checkMembers compares the members that are texts or numbers with the form.
func checkMembers(t *testing.T, values url.Values, in any) {
	t.Helper()
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if v.Field(i).Kind() != reflect.Pointer {
			continue
		}
		if got, want := !v.Field(i).IsNil(), values.Has(name); got != want {
			t.Fatalf("%v: %s is there: %v", values, name, got)
		}
		if v.Field(i).IsNil() {
			continue
		}
		text, err := json.Marshal(v.Field(i).Interface())
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := json.Marshal(values.Get(name)); string(text) != string(want) && string(text) != values.Get(name) {
			t.Fatalf("%v: %s is %s", values, name, text)
		}
	}
}

// checkAnswer is what holds of every answer.
func checkAnswer(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	body := w.Body.Bytes()
	if len(w.Header().Get("x-amzn-RequestId")) != 36 {
		t.Fatalf("no request id in %v", w.Header())
	}
	switch kind := w.Header().Get("Content-Type"); kind {
	case jsonKind:
		if len(body) > 0 && !json.Valid(body) || len(body) == 0 && w.Code != 200 {
			t.Fatalf("%d %s is no JSON", w.Code, body)
		}
	case "text/xml":
		if err := wellFormed(body); err != nil {
			t.Fatalf("%d %s: %v", w.Code, body, err)
		}
	default:
		t.Fatalf("an answer of type %s", kind)
	}
	if !utf8.Valid(body) || w.Code == 500 || strings.Contains(string(body), "Internal") {
		t.Fatalf("%d %s", w.Code, body)
	}
}

func wellFormed(text []byte) error {
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// FuzzRequest: whatever net/http can read is answered, and without a signature nothing is done.
func FuzzRequest(f *testing.F) {
	b := newBench(f, func(c *httpapi.Config) { c.Logger = nil })
	var whole bytes.Buffer
	if err := b.sign(request("TrentService.CreateKey", `{}`), b.ada).Write(&whole); err != nil {
		f.Fatal(err)
	}
	f.Add(regexp.MustCompile("Signature=[0-9a-f]+").ReplaceAll(whole.Bytes(), []byte("Signature="+strings.Repeat("0", 64))))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	f.Add([]byte("POST http://x/ HTTP/1.0\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x/20260102/eu-central-1/kms/aws4_request\r\n\r\n"))
	f.Fuzz(func(t *testing.T, octets []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(octets)))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		checkAnswer(t, w)
		if w.Code == 200 {
			t.Fatalf("%q is answered %d %s", octets, w.Code, w.Body)
		}
	})
}

// FuzzCall: whatever is asked by who may is answered in the form of its protocol, and recorded.
func FuzzCall(f *testing.F) {
	b := newBench(f, func(c *httpapi.Config) { c.Logger = nil })
	_, reader := b.user("reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:List*","kms:Describe*","sts:*"],"Resource":"*"}}`)
	b.audit.take()
	f.Add(false, "TrentService.ListKeys", `{"Limit":1}`)
	f.Add(false, "Keyhold.ListAccounts", `{"Limit":1,"x":[{}]}`)
	f.Add(false, "TrentService.DescribeKey", `{"KeyId":"alias/x"}`)
	f.Add(false, "CreateKey", `{}`)
	f.Add(true, "", "Action=GetCallerIdentity&Version=2011-06-15")
	f.Add(true, "", "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fx&RoleSessionName=ab")
	f.Fuzz(func(t *testing.T, query bool, target, body string) {
		for i := range len(target) {
			if target[i] < ' ' || target[i] > '~' {
				return // what cannot be signed
			}
		}
		b.t = t
		r := request(target, body)
		if query {
			r = form(body)
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, b.sign(r, reader))
		checkAnswer(t, w)
		if n := len(b.audit.take()); n != 1 && strings.TrimSpace(target) == target {
			t.Fatalf("%q %q is recorded %d times; answered %d %s", target, body, n, w.Code, w.Body)
		}
	})
}
