package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// maxAuthorization is far above what any client sends: some 300 octets.
const maxAuthorization = 8192

// Authorization is the Authorization header of a signed request (IAM User Guide, "Elements of an AWS API request
// signature").
type Authorization struct {
	AccessKeyID   string
	Scope         Scope
	SignedHeaders []string // lower case, ascending, each once
	Signature     string   // 64 lower-case hexadecimal digits
}

// String is the header in the form the SDKs send it. What ParseAuthorization accepted comes out of it again.
func (a Authorization) String() string {
	return Algorithm + " Credential=" + a.AccessKeyID + "/" + a.Scope.String() +
		", SignedHeaders=" + strings.Join(a.SignedHeaders, ";") + ", Signature=" + a.Signature
}

// ParseAuthorization takes an Authorization header apart: the algorithm, a space, and the three parameters once each,
// in any order, with a comma and any spaces between. Anything else is an *Error.
func ParseAuthorization(header string) (Authorization, error) {
	a, err := parseAuthorization(header)
	if err != nil {
		return Authorization{}, err
	}
	return a, nil
}

func parseAuthorization(header string) (Authorization, *Error) {
	algorithm, parameters, _ := strings.Cut(header, " ")
	switch {
	case !strings.HasPrefix(algorithm, "AWS4-"):
		return Authorization{}, errMissing("Authorization is not of AWS4")
	case algorithm != Algorithm:
		return Authorization{}, errAlgorithm(algorithm)
	case len(header) > maxAuthorization:
		return Authorization{}, errParameter("too long")
	}
	values, err := splitParameters(header, parameters)
	if err != nil {
		return Authorization{}, err
	}
	return newAuthorization(values)
}

// parameterNames are in the order in which AWS names those that lack.
var parameterNames = [...]string{"Credential", "Signature", "SignedHeaders"}

// parameters are the values, in the order of parameterNames.
type parameters [len(parameterNames)]string

func splitParameters(header, text string) (parameters, *Error) {
	var values parameters
	var seen [len(parameterNames)]bool
	for part := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(strings.TrimLeft(part, " "), "=")
		at := slices.Index(parameterNames[:], name)
		switch {
		case !found:
			return values, errPair(header, "a parameter has no equal sign")
		case at < 0:
			return values, errParameter("unknown parameter")
		case seen[at]:
			return values, errParameter("two parameters " + name)
		}
		values[at], seen[at] = value, true
	}
	var lacking []string
	for i, value := range values {
		if value == "" {
			lacking = append(lacking, parameterNames[i])
		}
	}
	if lacking != nil {
		return values, errLacking(lacking)
	}
	return values, nil
}

func newAuthorization(values parameters) (Authorization, *Error) {
	a := Authorization{Signature: values[1], SignedHeaders: strings.Split(values[2], ";")}
	if len(a.Signature) != hex.EncodedLen(sha256.Size) || !consistsOf(a.Signature, isLowerHex) {
		return Authorization{}, errParameter("Signature is not 64 lower-case hexadecimal digits")
	}
	for i, name := range a.SignedHeaders {
		if !isToken(name) || strings.ToLower(name) != name || name == "authorization" {
			return Authorization{}, errParameter("SignedHeaders has a name that cannot be signed")
		}
		if i > 0 && a.SignedHeaders[i-1] >= name {
			return Authorization{}, errParameter("SignedHeaders is not in ascending order")
		}
	}
	if err := a.setCredential(values[0]); err != nil {
		return Authorization{}, err
	}
	return a, nil
}

func (a *Authorization) setCredential(credential string) *Error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return errCredential()
	}
	a.AccessKeyID = parts[0]
	a.Scope = Scope{Date: parts[1], Region: parts[2], Service: parts[3]}
	switch {
	case !isAccessKeyID(a.AccessKeyID) || !a.Scope.valid() || !isName(parts[4]):
		return errCredential()
	case parts[4] != terminator:
		return errTerminator(parts[4])
	}
	return nil
}

// isToken follows RFC 9110, section 5.6.2: methods and field names are tokens.
func isToken(s string) bool {
	return s != "" && consistsOf(s, func(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 })
}
