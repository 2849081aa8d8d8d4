package sigv4_test

import (
	"bufio"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
)

const (
	missing    = sigv4.MissingAuthenticationToken
	incomplete = sigv4.IncompleteSignature
	invalid    = sigv4.InvalidSignature
)

const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// tampering replaces From with To in a signed request as it goes over the wire. Message is the whole text where AWS has
// one, or a part of it.
type tampering struct {
	name, from, to string
	class          sigv4.Class
	message        string
}

var tamperings = []tampering{
	{"another method", "POST /", "PUT /", invalid, mismatch},
	{"a method in another case", "POST /", "post /", invalid, mismatch},
	{"another path", "POST / ", "POST /x ", invalid, mismatch},
	{"an encoded dot in the path", "POST / ", "POST /%2e ", invalid, mismatch},
	{"a query added", "POST / ", "POST /?a=b ", invalid, mismatch},
	{"a query with a malformed escape", "POST / ", "POST /?a=%zz ", incomplete, "The request target is malformed."},
	{"a query whose value has a malformed escape", "POST / ", "POST /?a&&b=%2 ", incomplete, "The request target is malformed."},
	{"a target that is no path", "POST / ", "OPTIONS * ", incomplete, "The request target is malformed."},
	{"another host", "Host: kms.example.com:8443", "Host: kms.example.org:8443", invalid, mismatch},
	{"another port", ":8443", ":8444", invalid, mismatch},
	{"no port", ":8443", "", invalid, mismatch},
	{"the host in another case", "Host: kms.", "Host: KMS.", invalid, mismatch},
	{"another content type", "json-1.1", "json-1.0", invalid, mismatch},
	{"another target", "TrentService.Decrypt", "TrentService.Encrypt", invalid, mismatch},
	{"the target in another case", "TrentService.Decrypt", "trentservice.Decrypt", invalid, mismatch},
	{"another body", signedBody, strings.ReplaceAll(signedBody, "orders", "orderz"), invalid, mismatch},
	{"another second", "X-Amz-Date: 20260203T120000Z", "X-Amz-Date: 20260203T120001Z", invalid, mismatch},
	{"another token", "X-Amz-Security-Token: FwoG", "X-Amz-Security-Token: GwoG", invalid, mismatch},
	{"a token in another case", "X-Amz-Security-Token: FwoG", "X-Amz-Security-Token: fwoG", invalid, mismatch},
	{"another user agent that is signed", "X-Amz-User-Agent: keyhold/1", "X-Amz-User-Agent: keyhold/2", invalid, mismatch},
	{"a blank taken out of a signed value", "keyhold/1 lang/go", "keyhold/1lang/go", invalid, mismatch},
	{"another access key", "Credential=AKIDEXAMPLE", "Credential=AKIDEXAMPLF", invalid, mismatch},
	{"another signature", "Signature=", "Signature=f", incomplete, "Authorization header is malformed"},

	{"another day in the scope", "/20260203/", "/20260204/", invalid,
		"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260204' != '20260203', from '20260203T120000Z'."},
	{"a region that is served, but not the one signed for", "/eu-central-1/", "/us-east-1/", invalid, mismatch},
	{"a region that is not served", "/eu-central-1/", "/eu-west-1/", invalid, "Credential should be scoped to a valid region, not 'eu-west-1'. "},
	{"a region in another case", "/eu-central-1/", "/EU-central-1/", invalid, "Credential should be scoped to a valid region, not 'EU-central-1'. "},
	{"another service", "/kms/", "/s3/", invalid, "Credential should be scoped to correct service: 'kms'. "},
	{"another region, service and day", "/20260203/eu-central-1/kms/", "/20260202/eu-west-1/sts/", invalid,
		"Credential should be scoped to a valid region, not 'eu-west-1'. Credential should be scoped to correct service: 'kms'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260202' != '20260203', from '20260203T120000Z'."},
	{"another terminator", "/aws4_request", "/aws5_request", invalid, "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. "},

	{"no token any more", "X-Amz-Security-Token: " + sessionToken + "\r\n", "", incomplete,
		"'x-amz-security-token' is named as a SignedHeader, but it does not exist in the HTTP request"},
	{"no target any more", "X-Amz-Target: TrentService.Decrypt\r\n", "", incomplete,
		"'x-amz-target' is named as a SignedHeader, but it does not exist in the HTTP request"},
	{"no content type any more", "Content-Type: application/x-amz-json-1.1\r\n", "", incomplete,
		"'content-type' is named as a SignedHeader, but it does not exist in the HTTP request"},
	{"an empty host", "Host: kms.example.com:8443", "Host: ", incomplete,
		"'host' is named as a SignedHeader, but it does not exist in the HTTP request"},
	{"no date", "X-Amz-Date: 20260203T120000Z\r\n", "", incomplete,
		"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256"},
	{"the host not signed", ";host;", ";", invalid, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
	{"the date not signed", ";x-amz-date;", ";", invalid, "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."},
	{"the target not signed", ";x-amz-target;", ";", invalid, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."},
	{"the token not signed", ";x-amz-security-token;", ";", invalid, "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization."},
	{"the Date header in place of X-Amz-Date, not signed", "X-Amz-Date: 20260203T120000Z", "Date: Tue, 03 Feb 2026 12:00:00 GMT", invalid,
		"'Date' must be a 'SignedHeader' in the AWS Authorization."},
	{"an X-Amz- header added", "X-Amz-Date:", "X-Amz-Added: 1\r\nX-Amz-Date:", invalid, "'X-Amz-Added' must be a 'SignedHeader' in the AWS Authorization."},
	{"an X-Amz- header added in lower case", "X-Amz-Date:", "x-amz-added:\r\nX-Amz-Date:", invalid, "'X-Amz-Added' must be a 'SignedHeader' in the AWS Authorization."},
	{"a payload hash added", "X-Amz-Date:", "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\nX-Amz-Date:", invalid,
		"'X-Amz-Content-Sha256' must be a 'SignedHeader' in the AWS Authorization."},

	{"a second target before", "X-Amz-Target:", "X-Amz-Target: TrentService.Encrypt\r\nX-Amz-Target:", incomplete, "'x-amz-target' occurs more than once"},
	{"a second target in another case", "X-Amz-Target:", "x-AMZ-target: TrentService.Encrypt\r\nX-Amz-Target:", incomplete, "'x-amz-target' occurs more than once"},
	{"the same target twice", "X-Amz-Target:", "X-Amz-Target: TrentService.Decrypt\r\nX-Amz-Target:", incomplete, "'x-amz-target' occurs more than once"},
	{"a second date", "X-Amz-Security", "X-Amz-Date: 20260203T120000Z\r\nX-Amz-Security", incomplete, "'x-amz-date' occurs more than once"},
	{"a second content type", "Content-Type:", "Content-Type: text/plain\r\nContent-Type:", incomplete, "'content-type' occurs more than once"},
	{"a blank before a colon", "X-Amz-Target:", "X-Amz-Target :", invalid, "'x-amz-target ' must be a 'SignedHeader' in the AWS Authorization."},
	{"a target with a second value", "TrentService.Decrypt", "TrentService.Decrypt,TrentService.Encrypt", invalid, mismatch},
	{"a tab in a signed value", "keyhold/1 lang/go", "keyhold/1\tlang/go", incomplete, "'x-amz-user-agent' has a value that is not printable ASCII"},
	{"a folded value", "keyhold/1 lang/go", "keyhold/1 lang/go\r\n more", invalid, mismatch},
	{"a folded target", "TrentService.Decrypt", "TrentService.\r\n\tDecrypt", invalid, mismatch},
	{"a value that is not ASCII", "keyhold/1 lang", "keyhöld/1 lang", incomplete, "'x-amz-user-agent' has a value that is not printable ASCII"},
	{"a target with a full-width letter", "TrentService.Decrypt", "TrentService.Ｄecrypt", incomplete, "'x-amz-target' has a value that is not printable ASCII"},

	{"no Authorization", "Authorization:", "Authorisation:", missing, "Request is missing Authentication Token"},
	{"an empty Authorization", "Authorization: ", "Authorization:\r\nIgnored: ", missing, "Request is missing Authentication Token"},
	{"two Authorization headers", "Authorization:", "Authorization: Basic QTpC\r\nAuthorization:", incomplete, "Authorization header is malformed"},
	{"Basic authentication", "AWS4-HMAC-SHA256 ", "Basic ", missing, "Request is missing Authentication Token"},
	{"a bearer token", "AWS4-HMAC-SHA256 ", "Bearer ", missing, "Request is missing Authentication Token"},
	{"Signature Version 2", "AWS4-HMAC-SHA256 ", "AWS AKIDEXAMPLE:", missing, "Request is missing Authentication Token"},
	{"the algorithm in lower case", "AWS4-HMAC-SHA256 ", "aws4-hmac-sha256 ", missing, "Request is missing Authentication Token"},
	{"SigV4A", "AWS4-HMAC-SHA256 ", "AWS4-ECDSA-P256-SHA256 ", incomplete, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now). "},
	{"a streamed algorithm", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256-PAYLOAD ", incomplete, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA256-PAYLOAD' (only AWS4-HMAC-SHA256 for now). "},
	{"the query signed as well", "POST / ", "POST /?X-Amz-Signature=0 ", invalid, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},
	{"the query signed as well, escaped and in lower case", "POST / ", "POST /?%78-amz-date=0 ", invalid, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},
	{"Signature Version 2 in the query", "POST / ", "POST /?AWSAccessKeyId=A&Signature=B ", invalid, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."},

	{"a date that is no date", "X-Amz-Date: 20260203T120000Z", "X-Amz-Date: 20261303T120000Z", incomplete, "Date must be in ISO-8601 'basic format'."},
	{"a date in the extended form", "X-Amz-Date: 20260203T120000Z", "X-Amz-Date: 2026-02-03T12:00:00Z", incomplete, "Date must be in ISO-8601 'basic format'."},
	{"a date with a fraction", "X-Amz-Date: 20260203T120000Z", "X-Amz-Date: 20260203T120000.5Z", incomplete, "Date must be in ISO-8601 'basic format'."},
	{"a date before the skew", "X-Amz-Date: 20260203T120000Z", "X-Amz-Date: 20260203T115459Z", invalid,
		"Signature expired: 20260203T115459Z is now earlier than 20260203T115500Z (20260203T120000Z - 5 min.)"},
	{"a date after the skew", "X-Amz-Date: 20260203T120000Z", "X-Amz-Date: 20260203T120501Z", invalid,
		"Signature not yet current: 20260203T120501Z is still later than 20260203T120500Z (20260203T120000Z + 5 min.)"},
}

func TestATamperedRequestIsRefused(t *testing.T) {
	raw := wire(signed(t, signer, noon), signedBody)
	if err := verifyWire(t, raw); err != nil {
		t.Fatalf("the request itself is refused: %v", err)
	}
	for _, c := range tamperings {
		t.Run(c.name, func(t *testing.T) {
			changed := tamper(t, raw, c.from, c.to)
			checkRefusal(t, verifyWire(t, changed), c.class, c.message)
		})
	}
}

func verifyWire(t testing.TB, raw string) error {
	r, body := readRequest(t, raw)
	return verify(r, body, noon)
}

var hexDigest = regexp.MustCompile(`[0-9a-f]{64}`)

// checkRefusal checks the class and the message, and that nothing of what the error tells is secret.
func checkRefusal(t testing.TB, err error, class sigv4.Class, message string) {
	t.Helper()
	var refusal *sigv4.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if refusal.Class() != class || !strings.HasPrefix(refusal.Message(), message) {
		t.Errorf("got %v: %q, want %v: %q", refusal.Class(), refusal.Message(), class, message)
	}
	for _, text := range []string{refusal.Error(), refusal.Message(), refusal.Detail()} {
		if text == "" || strings.Contains(text, exampleSecret) || strings.Contains(text, sessionToken[4:]) || hexDigest.MatchString(text) {
			t.Errorf("tells too much, or nothing: %q", text)
		}
	}
}

func TestNetHTTPRefusesWhatNeverGetsHere(t *testing.T) {
	raw := wire(signed(t, signer, noon), signedBody)
	for _, c := range [][2]string{
		{"X-Amz-Target: ", "X-Amz-Target: \x00"},
		{"Content-Length: 24", "Content-Length: 24\r\nContent-Length: 25"},
		{"POST / ", "POST / / "},
	} {
		if _, err := http.ReadRequest(bufio.NewReader(strings.NewReader(tamper(t, raw, c[0], c[1])))); err == nil {
			t.Errorf("%q is read", c[1])
		}
	}
}

func TestWhatIsNotSignedMayChange(t *testing.T) {
	raw := wire(signed(t, signer, noon), signedBody)
	for _, c := range [][2]string{
		{"User-Agent: keyhold/1", "User-Agent: curl"},
		{"Authorization:", "authorization:"},
		{"X-Amz-Target: ", "x-amz-target:    "},
		{"keyhold/1 lang/go", "keyhold/1    lang/go  "},
		{"X-Amz-Date:", "Date: yesterday\r\nX-Amz-Date:"},
		{"X-Amz-Date:", "X-Amzn-Trace-Id: Root=1\r\nAmz-Sdk-Request: attempt=2\r\nX-Amz-Date:"},
		{"POST / ", "POST http://kms.example.com:8443/ "},
		{", SignedHeaders", ",SignedHeaders"},
		{", SignedHeaders", ",\r\n SignedHeaders"},
	} {
		if err := verifyWire(t, tamper(t, raw, c[0], c[1])); err != nil {
			t.Errorf("%q: %v", c[1], err)
		}
	}
}

func TestTheSkewIsInclusive(t *testing.T) {
	r := signed(t, signer, noon)
	for _, d := range []time.Duration{-5 * time.Minute, 5 * time.Minute, 5*time.Minute + 999*time.Millisecond} {
		if err := verify(r, []byte(signedBody), noon.Add(d)); err != nil {
			t.Errorf("%v: %v", d, err)
		}
	}
}

func TestTwoHostsAreRefused(t *testing.T) {
	r := signed(t, signer, noon)
	r.Header["Host"] = []string{"kms.example.com:8443"}
	if err := verify(r, []byte(signedBody), noon); err != nil {
		t.Fatalf("the same host twice, as HTTP/2 allows: %v", err)
	}
	r.Header["Host"] = []string{"kms.example.org"}
	checkRefusal(t, verify(r, []byte(signedBody), noon), incomplete, "'host' occurs more than once")
}

func TestAPayloadHashMustBeTheBodysOwn(t *testing.T) {
	for _, value := range []string{"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", strings.Repeat("A", 64), strings.Repeat("a", 63)} {
		r := unsigned(t)
		r.Header.Set("X-Amz-Content-Sha256", value)
		checkRefusal(t, verify(signedAnyhow(t, r), []byte(signedBody), noon), incomplete, "'x-amz-content-sha256' is not a SHA-256 digest")
	}
	r := unsigned(t)
	r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("a", 64))
	checkRefusal(t, verify(signedAnyhow(t, r), []byte(signedBody), noon), invalid, mismatch)
}
