// Package sigv4 signs HTTP requests with AWS Signature Version 4 and verifies such signatures, in the Authorization
// header only. It follows the IAM User Guide, "Create a signed AWS API request"; S3's own rules (single encoding,
// unsigned and streamed payloads, presigned URLs) are not supported. The time always comes from the caller.
package sigv4

import (
	"strings"
	"time"
)

const (
	// Algorithm is the only signing algorithm: not AWS4-ECDSA (SigV4A), not Signature Version 2.
	Algorithm = "AWS4-HMAC-SHA256"

	terminator = "aws4_request"

	// isoBasic is the form of X-Amz-Date; dateStamp that of the date in a credential scope.
	isoBasic  = "20060102T150405Z"
	dateStamp = "20060102"

	// The headers with a meaning of their own here, as SignedHeaders spells them.
	hostHeader    = "host"
	dateHeader    = "date"
	amzPrefix     = "x-amz-"
	amzDateHeader = amzPrefix + "date"
	amzHashHeader = amzPrefix + "content-sha256"
	amzToken      = amzPrefix + "security-token"
)

// Scope is what a signing key is good for (IAM User Guide, "Elements of an AWS API request signature").
type Scope struct {
	Date    string // the UTC day, YYYYMMDD
	Region  string
	Service string
}

// NewScope is the scope of requests made at a time.
func NewScope(at time.Time, region, service string) Scope {
	return Scope{Date: at.UTC().Format(dateStamp), Region: region, Service: service}
}

// String is the scope as the string to sign spells it: date/region/service/aws4_request.
func (s Scope) String() string {
	return strings.Join([]string{s.Date, s.Region, s.Service, terminator}, "/")
}

// valid tells whether each part can stand in an Authorization header.
func (s Scope) valid() bool {
	return isDateStamp(s.Date) && isName(s.Region) && isName(s.Service)
}

func isDateStamp(s string) bool {
	_, err := time.Parse(dateStamp, s)
	return err == nil && len(s) == len(dateStamp)
}

// isName bounds what may stand between two slashes of a credential, so that it can be repeated in an error message.
func isName(s string) bool {
	return s != "" && len(s) <= 64 && consistsOf(s, func(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("_.-", c) >= 0 })
}

// isAccessKeyID follows the IAM API's AccessKey.AccessKeyId ([\w]+, at most 128), without its lower bound.
func isAccessKeyID(s string) bool {
	return s != "" && len(s) <= 128 && consistsOf(s, func(c byte) bool { return isAlphanumeric(c) || c == '_' })
}

// isPlain tells whether a value is printable ASCII. Clients canonicalise anything else in different ways, and no SDK
// signs it.
func isPlain(s string) bool {
	return consistsOf(s, func(c byte) bool { return c >= ' ' && c <= '~' })
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isLowerHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

func consistsOf(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}
