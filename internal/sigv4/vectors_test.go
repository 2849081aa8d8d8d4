package sigv4_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
)

// The credentials of AWS's own examples and test suite.
const (
	exampleID     = "AKIDEXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// vector is a published request with its signature: AWS's aws4_testsuite in its form of 2015 (AKIDEXAMPLE, us-east-1),
// three of its form of 2011 and the example of the IAM User Guide. CanonicalHash is there where it was published.
type vector struct {
	Name, Service, Method, Target, Body string
	Headers                             [][2]string
	Signed, CanonicalHash, Signature    string
}

// request does as net/http's server does, which takes Host out of the header.
func (v vector) request() *http.Request {
	r := &http.Request{Method: v.Method, RequestURI: v.Target, Header: http.Header{}}
	for _, h := range v.Headers {
		if h[0] == "Host" {
			r.Host = h[1]
		} else {
			r.Header.Add(h[0], h[1])
		}
	}
	return r
}

func TestThePublishedVectorsComeOut(t *testing.T) {
	var vectors []vector
	readJSON(t, "suite.json", &vectors)
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			body := sha256.Sum256([]byte(v.Body))
			canonical, at, err := sigv4.Canonical(v.request(), strings.Split(v.Signed, ";"), hex.EncodeToString(body[:]))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(canonical))
			if got := hex.EncodeToString(sum[:]); v.CanonicalHash != "" && got != v.CanonicalHash {
				t.Errorf("canonical request hashes to %s, want %s:\n%s", got, v.CanonicalHash, canonical)
			}
			scope := sigv4.NewScope(at, "us-east-1", v.Service)
			if got := sigv4.SignCanonical(sigv4.SigningKey([]byte(exampleSecret), scope), at, scope, canonical); got != v.Signature {
				t.Errorf("signature %s, want %s; canonical request:\n%s", got, v.Signature, canonical)
			}
		})
	}
}

// TestRequestsOfOtherClientsVerify takes what testdata/clients.py recorded: botocore and curl as they sent it, and the
// header forms of other SDKs signed by botocore.
func TestRequestsOfOtherClientsVerify(t *testing.T) {
	var recorded struct {
		Cases []struct{ Name, Raw string }
	}
	readJSON(t, "clients.json", &recorded)
	for _, c := range recorded.Cases {
		t.Run(c.Name, func(t *testing.T) {
			r, body := readRequest(t, c.Raw)
			now, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
			if err != nil {
				t.Fatal(err)
			}
			if err := verify(r, body, now); err != nil {
				t.Fatal(err)
			}
			if err := verify(r, append(body, ' '), now); err == nil {
				t.Error("verifies with another body")
			}
		})
	}
}

func readRequest(t testing.TB, raw string) (*http.Request, []byte) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, body
}

var kms = sigv4.Config{Service: "kms", Regions: []string{"eu-central-1", "us-east-1"}}

// verify is what a server does, for the one access key of the examples.
func verify(r *http.Request, body []byte, now time.Time) error {
	v, err := sigv4.NewVerifier(kms)
	if err != nil {
		return err
	}
	request, err := v.Parse(r, now)
	if err != nil {
		return err
	}
	key := sigv4.Key{}
	if request.AccessKeyID() == exampleID {
		key = sigv4.SigningKey([]byte(exampleSecret), request.Scope())
	}
	return request.Verify(key, body)
}
