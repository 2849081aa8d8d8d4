package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/sigv4"
)

// signedAnyhow signs with headers that Sign itself refuses.
func signedAnyhow(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	r.Header.Set("X-Amz-Date", noon.Format("20060102T150405Z"))
	names := []string{"content-type", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-target", "x-amz-user-agent"}
	sum := sha256.Sum256([]byte(signedBody))
	canonical, at, err := sigv4.Canonical(r, names, hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	scope := sigv4.NewScope(at, signer.Region, signer.Service)
	r.Header.Set("Authorization", sigv4.Authorization{
		AccessKeyID: exampleID, Scope: scope, SignedHeaders: names,
		Signature: sigv4.SignCanonical(sigv4.SigningKey([]byte(exampleSecret), scope), at, scope, canonical),
	}.String())
	return r
}

func TestWhatOurClientSignsTheServerVerifies(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verify(r, body, noon)
		}
		fmt.Fprint(w, r.Proto, " ", err)
	})
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		server := httptest.NewUnstartedServer(handler)
		server.EnableHTTP2 = proto == "HTTP/2.0"
		server.StartTLS()
		defer server.Close()
		for _, target := range []string{"/", "/a%20b//c/../%E1%88%B4?x=1&a=%2F+b&a=", "?"} {
			r, err := http.NewRequest(http.MethodPost, server.URL+target, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Amz-Target", "TrentService.ListKeys")
			if r, err = signer.Sign(r, []byte(signedBody), noon); err != nil {
				t.Fatal(err)
			}
			answer, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if want := proto + " <nil>"; string(text) != want {
				t.Errorf("%s: got %s, want %s", target, text, want)
			}
		}
	}
}

func TestSignLeavesTheRequestAlone(t *testing.T) {
	r := unsigned(t)
	before := fmt.Sprint(r.Header)
	again, err := signer.Sign(signed(t, signer, noon), []byte("{}"), noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(again, []byte("{}"), noon); err != nil {
		t.Errorf("signed a second time: %v", err)
	}
	if _, err := signer.Sign(r, []byte(signedBody), noon); err != nil || fmt.Sprint(r.Header) != before {
		t.Errorf("%v; header %v, was %s", err, r.Header, before)
	}
}

func TestARequestWithNothingSetIsAGet(t *testing.T) {
	address := unsigned(t).URL
	r, err := signer.Sign(&http.Request{URL: address}, nil, noon)
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != http.MethodGet || r.Body != http.NoBody {
		t.Errorf("method %s, body %v", r.Method, r.Body)
	}
	if err := verify(r, nil, noon); err != nil {
		t.Error(err)
	}
	if body, err := signed(t, signer, noon).GetBody(); err != nil {
		t.Error(err)
	} else if text, _ := io.ReadAll(body); string(text) != signedBody {
		t.Errorf("the body to send again is %q", text)
	}
}

func TestALeftoverTokenIsNotSigned(t *testing.T) {
	permanent := signer
	permanent.Credentials.SessionToken = ""
	r, err := permanent.Sign(signed(t, signer, noon), []byte(signedBody), noon)
	if err != nil || r.Header.Get("X-Amz-Security-Token") != "" {
		t.Errorf("%v, token %q", err, r.Header.Get("X-Amz-Security-Token"))
	}
}

func TestSignRefusesWhatNoServerWouldTake(t *testing.T) {
	cases := map[string]func(*sigv4.Signer, *http.Request){
		"no access key":            func(s *sigv4.Signer, _ *http.Request) { s.Credentials.AccessKeyID = "" },
		"an access key with blank": func(s *sigv4.Signer, _ *http.Request) { s.Credentials.AccessKeyID = "AKID EXAMPLE" },
		"no secret":                func(s *sigv4.Signer, _ *http.Request) { s.Credentials.SecretAccessKey = nil },
		"a token with a newline":   func(s *sigv4.Signer, _ *http.Request) { s.Credentials.SessionToken = "a\nb" },
		"no region":                func(s *sigv4.Signer, _ *http.Request) { s.Region = "" },
		"a service with a slash":   func(s *sigv4.Signer, _ *http.Request) { s.Service = "kms/x" },
		"two targets":              func(_ *sigv4.Signer, r *http.Request) { r.Header.Add("X-Amz-Target", "x") },
		"another body's hash":      func(_ *sigv4.Signer, r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("a", 64)) },
		"an unsigned payload":      func(_ *sigv4.Signer, r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
		"no host":                  func(_ *sigv4.Signer, r *http.Request) { r.Host, r.URL.Host = "", "" },
		"no URL":                   func(_ *sigv4.Signer, r *http.Request) { r.URL = nil },
		"an opaque URL":            func(_ *sigv4.Signer, r *http.Request) { r.URL.Opaque = "opaque" },
		"a method with a newline":  func(_ *sigv4.Signer, r *http.Request) { r.Method = "POST\n/" },
		"a malformed query":        func(_ *sigv4.Signer, r *http.Request) { r.URL.RawQuery = "%zz=1" },
	}
	for name, spoil := range cases {
		s, r := signer, unsigned(t)
		spoil(&s, r)
		if _, err := s.Sign(r, []byte(signedBody), noon); err == nil || strings.Contains(err.Error(), exampleSecret) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	key := sigv4.SigningKey([]byte(exampleSecret), sigv4.NewScope(noon, "eu-central-1", "kms"))
	request := parsed(t, signer, noon)
	if request.SessionToken() != sessionToken || !request.Time().Equal(noon) {
		t.Errorf("token %q, time %v", request.SessionToken(), request.Time())
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(verb+verb+verb+verb, key, signer, request, struct{ R any }{request})
		if strings.Contains(text, sessionToken) || strings.Contains(text, exampleSecret) || len(text) > 400 {
			t.Errorf("%s: %s", verb, text)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("signed", "key", key, "request", request, "signer", signer)
	if text := log.String() + key.String(); strings.Count(text, "[secret]") != 2 || strings.Contains(text, "FwoG") || strings.Contains(text, "wJal") {
		t.Error(text)
	}
	if _, err := json.Marshal(key); err == nil {
		t.Error("a key has a JSON form")
	}
	if text, err := json.Marshal(signer); err != nil || strings.Contains(string(text), "wJal") || strings.Contains(string(text), "FwoG") {
		t.Errorf("%s, %v", text, err)
	}
}
