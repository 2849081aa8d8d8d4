package sigv4

import (
	"encoding/hex"
	"net/http"
	"time"
)

// Canonical is the canonical request and the time that stands in the string to sign, without any of the rules of Parse,
// so that published vectors can be checked that no server should take.
func Canonical(r *http.Request, signed []string, bodyHash string) (string, time.Time, error) {
	f := newFields(r)
	head, err := canonicalHead(r.Method, target(r), f, signed)
	if err != nil {
		return "", time.Time{}, err
	}
	at, err := f.requestTime()
	if err != nil {
		return "", time.Time{}, err
	}
	return head + bodyHash, at, nil
}

// SignCanonical is the signature of a canonical request.
func SignCanonical(k Key, at time.Time, s Scope, canonical string) string {
	mac := k.sign(at, s, canonical)
	return hex.EncodeToString(mac[:])
}
