package api

import (
	"fmt"
	"time"
)

// basicISO is the form of times in the texts about signatures, the form of X-Amz-Date.
const basicISO = "20060102T150405Z"

// SignatureMismatch answers a request whose signature is not ours.
func SignatureMismatch() *Error {
	return say(InvalidSignatureException, "The request signature we calculated does not match the signature you "+
		"provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

// SignatureExpired answers a request signed more than skew before now.
func SignatureExpired(signed, now time.Time, skew time.Duration) *Error {
	return skewed("Signature expired: %s is now earlier than %s (%s - %d min.)", signed, now, -skew)
}

// SignatureNotYetCurrent answers a request signed more than skew after now.
func SignatureNotYetCurrent(signed, now time.Time, skew time.Duration) *Error {
	return skewed("Signature not yet current: %s is still later than %s (%s + %d min.)", signed, now, skew)
}

func skewed(form string, signed, now time.Time, skew time.Duration) *Error {
	stamp := func(t time.Time) string { return t.UTC().Format(basicISO) }
	return say(InvalidSignatureException,
		fmt.Sprintf(form, stamp(signed), stamp(now.Add(skew)), stamp(now), int(skew.Abs().Minutes())))
}

// ScopeRegion answers a credential scope of another Region.
func ScopeRegion() *Error {
	return say(InvalidSignatureException, "Credential should be scoped to a valid region.")
}

// ScopeService answers a credential scope of another service.
func ScopeService() *Error {
	return say(InvalidSignatureException, "Credential should be scoped to correct service: 'kms'.")
}

// UnrecognizedClient answers an access key id that is not known, or a session token that is not its own.
func UnrecognizedClient() *Error {
	return say(UnrecognizedClientException, "The security token included in the request is invalid.")
}

// ExpiredToken answers temporary credentials past their time.
func ExpiredToken() *Error {
	return say(ExpiredTokenException, "The security token included in the request is expired")
}

// MissingAuthenticationToken answers a request without a signature.
func MissingAuthenticationToken() *Error {
	return say(MissingAuthenticationTokenException, "Missing Authentication Token")
}

// IncompleteSignature answers an Authorization header that cannot be read; the message says where.
func IncompleteSignature(message string) *Error { return say(IncompleteSignatureException, message) }

// SignedHeaderMissing answers a header that is named as signed and is not there.
func SignedHeaderMissing(header string) *Error {
	return IncompleteSignature("'" + header + "' is named as a SignedHeader, but it does not exist in the HTTP request.")
}

// RequestTooLarge answers a body of more than MaxBody bytes.
func RequestTooLarge() *Error {
	return say(RequestEntityTooLargeException, fmt.Sprintf("The request is larger than %d bytes.", MaxBody))
}
