package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Class is the AWS error that a refusal is answered with.
type Class int

// The classes, with the codes of AWS's "Common Errors" as JSON services spell them.
const (
	MissingAuthenticationToken Class = iota + 1
	IncompleteSignature
	InvalidSignature
)

// String is the error code on the wire.
func (c Class) String() string {
	switch c {
	case MissingAuthenticationToken:
		return "MissingAuthenticationTokenException"
	case IncompleteSignature:
		return "IncompleteSignatureException"
	case InvalidSignature:
		return "InvalidSignatureException"
	}
	return "unknown class"
}

// Error is why a request was refused. It holds no secret, no token, no expected signature and no canonical request.
type Error struct {
	class   Class
	message string
	detail  string
}

// Class is the AWS error to answer with.
func (e *Error) Class() Class { return e.class }

// Message is the text for the caller, worded as AWS words it where AWS has a text.
func (e *Error) Message() string { return e.message }

// Detail is the reason for a log line; it may tell more than the caller is told.
func (e *Error) Detail() string { return e.detail }

// Error is the code and the detail.
func (e *Error) Error() string { return e.class.String() + ": " + e.detail }

func incomplete(message, detail string) *Error {
	return &Error{class: IncompleteSignature, message: message, detail: detail}
}

func invalid(message, detail string) *Error {
	return &Error{class: InvalidSignature, message: message, detail: detail}
}

// Below, the texts that are AWS's were observed on its JSON services; those marked "own" cover what AWS does not refuse
// or has no known text for.

func errMissing(detail string) *Error {
	return &Error{class: MissingAuthenticationToken, message: "Request is missing Authentication Token", detail: detail}
}

func errBothPlaces() *Error {
	return invalid("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.", "authentication in the query string")
}

func errAlgorithm(got string) *Error {
	if !isName(got) {
		got = ""
	}
	return incomplete("Unsupported AWS 'algorithm': '"+got+"' (only "+Algorithm+" for now). ", "unsupported algorithm")
}

// errPair hashes the header as AWS does since it stopped repeating it: what is malformed may hold anything.
func errPair(header, detail string) *Error {
	sum := sha256.Sum256([]byte(header))
	return incomplete("Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '"+
		base64.StdEncoding.EncodeToString(sum[:])+"'.", detail)
}

// errParameter is own.
func errParameter(detail string) *Error {
	return incomplete("Authorization header is malformed: "+detail+".", detail)
}

func errLacking(parameters []string) *Error {
	var text strings.Builder
	for _, p := range parameters {
		fmt.Fprintf(&text, "Authorization header requires '%s' parameter. ", p)
	}
	return incomplete(text.String()+"Authorization="+Algorithm, "Authorization lacks "+strings.Join(parameters, ", "))
}

func errCredential() *Error {
	return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term", "malformed Credential")
}

func errTerminator(got string) *Error {
	return invalid("Credential should be scoped with a valid terminator: '"+terminator+"', not '"+got+"'. ", "credential scope: terminator")
}

func errNoDate() *Error {
	return incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization="+Algorithm, "no date")
}

// errDate leaves out what was got, which AWS repeats.
func errDate() *Error {
	return incomplete("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601", "malformed date")
}

func errUnsigned(header string) *Error {
	name := "'" + http.CanonicalHeaderKey(header) + "'"
	if header == hostHeader {
		name = "'Host' or ':authority'"
	}
	return invalid(name+" must be a 'SignedHeader' in the AWS Authorization.", "unsigned header "+header)
}

func errAbsent(header string) *Error {
	return incomplete("'"+header+"' is named as a SignedHeader, but it does not exist in the HTTP request", "signed header absent: "+header)
}

// errHeader is own.
func errHeader(header, fault string) *Error {
	return incomplete("'"+header+"' "+fault+".", "header "+header+" "+fault)
}

// errTarget is own.
func errTarget(detail string) *Error {
	return incomplete("The request target is malformed.", detail)
}

// errMismatch keeps the reason from the caller, and never gives the canonical request that some AWS services show.
func errMismatch(detail string) *Error {
	return invalid("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.", detail)
}

func errExpired(at, now time.Time, skew time.Duration) *Error {
	text := fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %d min.)",
		at.Format(isoBasic), now.Add(-skew).Format(isoBasic), now.Format(isoBasic), skew/time.Minute)
	return invalid(text, text)
}

func errEarly(at, now time.Time, skew time.Duration) *Error {
	text := fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %d min.)",
		at.Format(isoBasic), now.Add(skew).Format(isoBasic), now.Format(isoBasic), skew/time.Minute)
	return invalid(text, text)
}
