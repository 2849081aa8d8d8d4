package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// Request is a request that Verifier.Parse let through: who claims to have signed what. It keeps what was signed, so
// that nothing done to the http.Request afterwards matters.
type Request struct {
	auth        Authorization
	at          time.Time
	received    time.Time
	head        string // the canonical request, without the payload hash
	payloadHash string // X-Amz-Content-Sha256, if sent
	token       string
}

// AccessKeyID is who claims to have signed. Until it is known to exist it may be anything that was typed in its place,
// such as a secret: it does not belong in a log.
func (r Request) AccessKeyID() string { return r.auth.AccessKeyID }

// Scope is what the signing key must be derived for; its region and service are among those configured.
func (r Request) Scope() Scope { return r.auth.Scope }

// Time is when the request was signed.
func (r Request) Time() time.Time { return r.at }

// SessionToken is X-Amz-Security-Token, or "". It is signed, and a secret.
func (r Request) SessionToken() string { return r.token }

// String shows neither token nor signature.
func (r Request) String() string { return "request signed for " + r.auth.Scope.String() }

// Format shows neither token nor signature, whatever the verb.
func (r Request) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// Verify checks the signature over the request and its body, which is always hashed here. It takes as long for a key
// that verifies nothing. The error is an *Error of class InvalidSignature.
func (r Request) Verify(k Key, body []byte) error {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	want := k.sign(r.at, r.auth.Scope, r.head+hash)
	got, err := hex.DecodeString(r.auth.Signature)
	same := hmac.Equal(want[:], got)
	switch {
	case !k.known:
		return errMismatch("no such access key")
	case err != nil || !same:
		return errMismatch("the signature differs")
	case r.payloadHash != "" && r.payloadHash != hash:
		return errMismatch("X-Amz-Content-Sha256 is not the body's digest")
	}
	return nil
}
