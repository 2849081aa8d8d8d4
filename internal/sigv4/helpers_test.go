package sigv4_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
)

const sessionToken = "FwoGZXIvYXdzEXAMPLETOKEN//////////wEaDA=="

var (
	noon   = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
	signer = sigv4.Signer{
		Credentials: sigv4.Credentials{AccessKeyID: exampleID, SecretAccessKey: []byte(exampleSecret), SessionToken: sessionToken},
		Region:      "eu-central-1",
		Service:     "kms",
	}
)

const signedBody = `{"KeyId":"alias/orders"}`

// unsigned is a request as our own client makes it.
func unsigned(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "https://kms.example.com:8443/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "TrentService.Decrypt")
	r.Header.Set("X-Amz-User-Agent", "keyhold/1 lang/go")
	r.Header.Set("User-Agent", "keyhold/1")
	return r
}

func signed(t testing.TB, s sigv4.Signer, at time.Time) *http.Request {
	t.Helper()
	r, err := s.Sign(unsigned(t), []byte(signedBody), at)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wire is the request as it goes over an HTTP/1.1 connection.
func wire(r *http.Request, body string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.Host)
	for _, name := range sortedNames(r.Header) {
		for _, v := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func sortedNames(h http.Header) []string {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func verifier(t testing.TB, c sigv4.Config) *sigv4.Verifier {
	t.Helper()
	v, err := sigv4.NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// parsed is a request that the verifier let through.
func parsed(t testing.TB, s sigv4.Signer, at time.Time) sigv4.Request {
	t.Helper()
	r, err := verifier(t, kms).Parse(signed(t, s, at), at)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tamper makes one replacement, which must be possible.
func tamper(t testing.TB, raw, from, to string) string {
	t.Helper()
	if !strings.Contains(raw, from) {
		t.Fatalf("%q is not in the request:\n%s", from, raw)
	}
	return strings.Replace(raw, from, to, 1)
}
