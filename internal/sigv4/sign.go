package sigv4

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credentials are an access key. They print without the secret and the token.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey []byte `json:"-"`
	SessionToken    string `json:"-"` // only for temporary credentials
}

// Format never shows secret or token, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "access key "+c.AccessKeyID)
}

// Signer signs requests to one service in one region.
type Signer struct {
	Credentials Credentials
	Region      string
	Service     string
}

// Sign returns a copy of r that carries body, X-Amz-Date, X-Amz-Security-Token if there is one, and Authorization. It
// signs Host, Content-Type and every X-Amz- header (IAM User Guide, "Create a signed AWS API request"), so those must be
// set before and left alone after. Other headers, among them Content-Length, a proxy may change.
func (s Signer) Sign(r *http.Request, body []byte, at time.Time) (*http.Request, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	at = at.UTC().Truncate(time.Second)
	signed := s.prepare(r, body, at)
	f := newFields(signed)
	auth := Authorization{
		AccessKeyID:   s.Credentials.AccessKeyID,
		Scope:         NewScope(at, s.Region, s.Service),
		SignedHeaders: f.toSign(),
	}
	canonical, err := canonicalForSigning(signed, f, auth.SignedHeaders, body)
	if err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	mac := SigningKey(s.Credentials.SecretAccessKey, auth.Scope).sign(at, auth.Scope, canonical)
	auth.Signature = hex.EncodeToString(mac[:])
	signed.Header.Set("Authorization", auth.String())
	return signed, nil
}

func (s Signer) check() error {
	switch {
	case !isAccessKeyID(s.Credentials.AccessKeyID):
		return errors.New("the access key id has a character that none has, or is empty")
	case len(s.Credentials.SecretAccessKey) == 0:
		return errors.New("the secret access key is empty")
	case TooShort(s.Credentials.SecretAccessKey):
		return errors.New("the secret access key is too short for FIPS 140-3 mode: it has less than 10 characters, and AWS's have 40")
	case !isName(s.Region):
		return fmt.Errorf("%q is not a region name", s.Region)
	case !isName(s.Service):
		return fmt.Errorf("%q is not a service name", s.Service)
	}
	return nil
}

func (s Signer) prepare(r *http.Request, body []byte, at time.Time) *http.Request {
	c := r.Clone(r.Context())
	if c.Header == nil {
		c.Header = make(http.Header)
	}
	c.Method = cmp.Or(c.Method, http.MethodGet)
	c.RequestURI = ""
	c.TransferEncoding = nil
	c.ContentLength = int64(len(body))
	c.GetBody = func() (io.ReadCloser, error) { return newBody(body), nil }
	c.Body = newBody(body)
	c.Header.Set(amzDateHeader, at.Format(isoBasic))
	c.Header.Del(amzToken)
	if s.Credentials.SessionToken != "" {
		c.Header.Set(amzToken, s.Credentials.SessionToken)
	}
	return c
}

// newBody is http.NoBody for an empty one, which net/http would otherwise send as a stream of unknown length.
func newBody(body []byte) io.ReadCloser {
	if len(body) == 0 {
		return http.NoBody
	}
	return io.NopCloser(bytes.NewReader(body))
}

// toSign lists what Sign signs.
func (f fields) toSign() []string {
	names := []string{hostHeader}
	for name := range f {
		if name == "content-type" || strings.HasPrefix(name, amzPrefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// canonicalForSigning refuses what a Verifier would refuse.
func canonicalForSigning(r *http.Request, f fields, names []string, body []byte) (string, error) {
	if err := f.checkSigned(names); err != nil {
		return "", err
	}
	claimed, err := f.payloadHash()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if claimed != "" && claimed != hash {
		return "", errors.New("X-Amz-Content-Sha256 is not the digest of the body")
	}
	head, err := canonicalHead(r.Method, target(r), f, names)
	if err != nil {
		return "", err
	}
	return head + hash, nil
}
