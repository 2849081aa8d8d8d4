package sigv4_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/sigv4"
)

const (
	credential    = "Credential=AKIDEXAMPLE/20260203/eu-central-1/kms/aws4_request"
	signedHeaders = "SignedHeaders=host;x-amz-date"
	signature     = "Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	wellFormed    = "AWS4-HMAC-SHA256 " + credential + ", " + signedHeaders + ", " + signature
)

func TestTheThreeParametersComeInAnyOrder(t *testing.T) {
	for _, header := range []string{
		wellFormed,
		"AWS4-HMAC-SHA256 " + credential + "," + signedHeaders + "," + signature,
		"AWS4-HMAC-SHA256 " + signature + ",   " + signedHeaders + "," + credential,
		"AWS4-HMAC-SHA256  " + signedHeaders + ", " + credential + "," + signature,
	} {
		a, err := sigv4.ParseAuthorization(header)
		if err != nil || a.String() != wellFormed {
			t.Errorf("%q: %q, %v", header, a, err)
		}
	}
}

func TestAMalformedAuthorizationIsRefused(t *testing.T) {
	const pair = "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '"
	const malformed = "Authorization header is malformed: "
	const slashes = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
	for _, c := range []tampering{
		{"nothing", wellFormed, "", missing, "Request is missing Authentication Token"},
		{"blanks before the algorithm", "AWS4-", " AWS4-", missing, ""},
		{"only the algorithm", wellFormed, "AWS4-HMAC-SHA256", incomplete, pair},
		{"the algorithm and a blank", wellFormed, "AWS4-HMAC-SHA256 ", incomplete, pair},
		{"a tab after the algorithm", "SHA256 ", "SHA256\t", incomplete, "Unsupported AWS 'algorithm': '' ("},
		{"no signature", ", " + signature, "", incomplete, "Authorization header requires 'Signature' parameter. Authorization=AWS4-HMAC-SHA256"},
		{"an empty signature", signature, "Signature=", incomplete, "Authorization header requires 'Signature' parameter. "},
		{"no credential and no headers", credential + ", " + signedHeaders + ", ", "", incomplete,
			"Authorization header requires 'Credential' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256"},
		{"a parameter without equal sign", signedHeaders, "SignedHeaders", incomplete, pair},
		{"a comma at the end", signature, signature + ",", incomplete, pair},
		{"a comma at the start", credential, "," + credential, incomplete, pair},
		{"a semicolon between", ", " + signedHeaders, "; " + signedHeaders, incomplete, "Authorization header requires 'SignedHeaders' parameter. "},
		{"only a blank between", ", " + signedHeaders, " " + signedHeaders, incomplete, "Authorization header requires 'SignedHeaders' parameter. "},
		{"a tab between", ", " + signedHeaders, ",\t" + signedHeaders, incomplete, malformed},
		{"a blank before a comma", ", " + signature, " , " + signature, incomplete, malformed},
		{"a blank at the end", signature, signature + " ", incomplete, malformed},
		{"a blank before an equal sign", "Signature=", "Signature =", incomplete, malformed},
		{"a parameter in lower case", "Credential=", "credential=", incomplete, malformed},
		{"an unknown parameter", signature, signature + ", Region=x", incomplete, malformed},
		{"a parameter twice", signature, signature + ", " + signature, incomplete, malformed},
		{"an empty parameter, then a full one", signature, "Signature=, " + signature, incomplete, malformed},
		{"a signature in upper case", "abcdef", "ABCDEF", incomplete, malformed},
		{"a short signature", "Signature=0", "Signature=", incomplete, malformed},
		{"a signature that is not hexadecimal", "Signature=0", "Signature=g", incomplete, malformed},
		{"a signature in quotes", signature, `Signature="` + signature[10:] + `"`, incomplete, malformed},
		{"headers out of order", "host;x-amz-date", "x-amz-date;host", incomplete, malformed},
		{"a header twice", "host;x-amz-date", "host;host;x-amz-date", incomplete, malformed},
		{"a header in upper case", "host;", "Host;", incomplete, malformed},
		{"an empty header", "host;", "host;;", incomplete, malformed},
		{"a semicolon after the headers", "x-amz-date", "x-amz-date;", incomplete, malformed},
		{"blanks among the headers", "host;", "host; ", incomplete, malformed},
		{"a header with a colon", "host;", ":authority;host;", incomplete, malformed},
		{"a header with a newline", "host;", "ho\nst;", incomplete, malformed},
		{"a header that is not ASCII", "host;", "hōst;", incomplete, malformed},
		{"Authorization signed", "host;", "authorization;host;", incomplete, malformed},
		{"four elements", "/kms", "", incomplete, slashes},
		{"six elements", "/kms/", "/kms/x/", incomplete, slashes},
		{"an empty access key", "AKIDEXAMPLE", "", incomplete, slashes},
		{"an access key with a plus sign", "AKIDEXAMPLE", "AKID+EXAMPLE", incomplete, slashes},
		{"an access key that is long", "AKIDEXAMPLE", strings.Repeat("A", 129), incomplete, slashes},
		{"a blank before the access key", "=AKID", "= AKID", incomplete, slashes},
		{"a scope of nine digits", "/20260203/", "/202602030/", incomplete, slashes},
		{"a scope on no day", "/20260203/", "/20260230/", incomplete, slashes},
		{"an empty region", "/eu-central-1/", "//", incomplete, slashes},
		{"a region with markup", "/eu-central-1/", "/<b>/", incomplete, slashes},
		{"a long service", "/kms/", "/" + strings.Repeat("k", 65) + "/", incomplete, slashes},
		{"an empty terminator", "/aws4_request", "/", incomplete, slashes},
		{"another terminator", "aws4_request", "AWS4_REQUEST", invalid, "Credential should be scoped with a valid terminator: 'aws4_request', not 'AWS4_REQUEST'. "},
		{"a header of many kilobytes", "host;", "host;" + strings.Repeat("i", 8192) + ";", incomplete, malformed + "too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := sigv4.ParseAuthorization(tamper(t, wellFormed, c.from, c.to))
			checkRefusal(t, err, c.class, c.message)
			if a.AccessKeyID != "" || a.SignedHeaders != nil {
				t.Errorf("an Authorization comes with the error: %v", a)
			}
		})
	}
}

func TestTheCodesAreThoseOfAWS(t *testing.T) {
	for class, code := range map[sigv4.Class]string{
		missing: "MissingAuthenticationTokenException", incomplete: "IncompleteSignatureException", invalid: "InvalidSignatureException", 0: "unknown class",
	} {
		if class.String() != code {
			t.Errorf("%d is %s, want %s", class, class, code)
		}
	}
}

func FuzzAuthorization(f *testing.F) {
	f.Add(wellFormed)
	f.Add("AWS4-HMAC-SHA256 " + signature + "," + credential + ",  " + signedHeaders)
	f.Add("AWS4-HMAC-SHA256 Credential=a/20260203/b/c/aws4_request,SignedHeaders=!,Signature=")
	f.Fuzz(func(t *testing.T, header string) {
		a, err := sigv4.ParseAuthorization(header)
		if err != nil {
			var refusal *sigv4.Error
			if !errors.As(err, &refusal) || refusal.Class() == 0 || refusal.Message() == "" || refusal.Detail() == "" {
				t.Fatalf("%q: not a refusal: %v", header, err)
			}
			return
		}
		again, err := sigv4.ParseAuthorization(a.String())
		if err != nil || again.String() != a.String() {
			t.Fatalf("%q: %q comes back as %q, %v", header, a, again, err)
		}
		if got, want := parameterSet(a.String()), parameterSet(header); got != want {
			t.Fatalf("%q: parameters are %s, want %s", header, got, want)
		}
	})
}
