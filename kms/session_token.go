package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/keyhold/keyhold/internal/secret"
)

// A session token carries all that there is to know of a session, so that no session is stored. It is base64url without
// padding (RFC 4648, 5) of:
//
//	offset  size  field
//	     0     1  version, 1
//	     1    16  id of the session key
//	    17    12  nonce
//	    29     m  AES-256-GCM ciphertext of the claims, then the tag of 16 octets
//
// The additional authenticated data are a label and the octets before the nonce. The claims are length-prefixed fields
// (see appendField) in the order of claimFields.
const (
	sessionVersion   = 1
	sessionKeyOctets = 32
	sessionNonce     = 12
	sessionHeader    = 1 + 16
	sessionTag       = 16
	// maxSessionToken is above the longest that there can be, in characters.
	maxSessionToken = 1024

	sessionLabel = "keyhold session token\x00"
)

// errSessionToken says that a token is none of ours, or of a session key that is no more.
var errSessionToken = errors.New("not a session token")

// sessionClaims are what a session token says.
type sessionClaims struct {
	AccessKeyID AccessKeyID
	Secret      secret.Bytes
	Role        PrincipalID
	Account     AccountID
	Name        string
	IssuedAt    Micros
	ExpiresAt   Micros
}

// encode writes the claims as fields.
func (c sessionClaims) encode() []byte {
	b := appendField(appendString(nil, string(c.AccessKeyID)), c.Secret.Reveal())
	return appendInts(appendStrings(b, string(c.Role), string(c.Account), c.Name), int64(c.IssuedAt), int64(c.ExpiresAt))
}

// claimFields is how many fields the claims are.
const claimFields = 7

// decodeClaims is the inverse of encode.
func decodeClaims(b []byte) (sessionClaims, error) {
	var fields [claimFields]string
	for i := range fields {
		var ok bool
		if fields[i], b, ok = cutField(b); !ok {
			return sessionClaims{}, errSessionToken
		}
	}
	if len(b) != 0 || len(fields[5]) != 8 || len(fields[6]) != 8 {
		return sessionClaims{}, errSessionToken
	}
	instant := func(s string) Micros { return Micros(binary.BigEndian.Uint64([]byte(s))) }
	return sessionClaims{
		AccessKeyID: AccessKeyID(fields[0]), Secret: secret.New([]byte(fields[1])), Role: PrincipalID(fields[2]),
		Account: AccountID(fields[3]), Name: fields[4], IssuedAt: instant(fields[5]), ExpiresAt: instant(fields[6]),
	}, nil
}

// sessionToken is a parsed token. Only a token that encodes back to the same text parses.
type sessionToken struct {
	key    [16]byte // id of the session key
	sealed []byte   // nonce, ciphertext and tag
}

func (t sessionToken) header() []byte { return append([]byte{sessionVersion}, t.key[:]...) }

func (t sessionToken) aad() []byte { return append([]byte(sessionLabel), t.header()...) }

func (t sessionToken) encode() string {
	raw := append(t.header(), t.sealed...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseSessionToken is the inverse of encode; errSessionToken for anything else.
func parseSessionToken(text string) (sessionToken, error) {
	if len(text) > maxSessionToken {
		return sessionToken{}, errSessionToken
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < sessionHeader+sessionNonce+sessionTag || raw[0] != sessionVersion {
		return sessionToken{}, errSessionToken
	}
	t := sessionToken{key: [16]byte(raw[1:sessionHeader]), sealed: raw[sessionHeader:]}
	if t.encode() != text { // the decoder passes over line ends
		return sessionToken{}, errSessionToken
	}
	return t, nil
}

// sessionKey seals session tokens.
type sessionKey struct {
	row    SessionKeyRow
	id     [16]byte
	aead   cipher.AEAD
	tokens int // sealed by this process, guarded by sessionKeys.mu
}

// newSessionKey takes the key's octets, which may be wiped afterwards.
func newSessionKey(row SessionKeyRow, key secret.Bytes) (*sessionKey, error) {
	id, ok := KeyID(row.ID).octets()
	if !ok || key.Len() != sessionKeyOctets {
		return nil, &TamperError{Row: row.what(), Reason: "its id or its key is malformed"}
	}
	block, err := aes.NewCipher(key.Reveal())
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &sessionKey{row: row, id: id, aead: aead}, err
}

// seal makes a token. Go's module draws the nonce, as FIPS 140-3 wants it (Implementation Guidance C.H): a session key
// seals some 2^20 tokens, which random nonces allow (NIST SP 800-38D, 8.3).
func (k *sessionKey) seal(c sessionClaims) string {
	t := sessionToken{key: k.id}
	claims := c.encode()
	defer secret.Wipe(claims)
	t.sealed = k.aead.Seal(nil, nil, claims, t.aad())
	return t.encode()
}

// open is the inverse of seal: errSessionToken for what this key did not seal.
func (k *sessionKey) open(t sessionToken) (sessionClaims, error) {
	claims, err := k.aead.Open(nil, nil, t.sealed, t.aad())
	defer secret.Wipe(claims)
	if err != nil {
		return sessionClaims{}, errSessionToken
	}
	return decodeClaims(claims)
}
