package sigv4

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

const redacted = "[secret]"

// ErrSerialised is what encoding a Key answers.
var ErrSerialised = errors.New("a signing key cannot be serialised")

// Key is a signing key: a secret that is good for one scope. The zero Key verifies nothing, and takes as long over it
// as any other.
type Key struct {
	mac   [sha256.Size]byte
	known bool
}

// TooShort tells a secret that cannot be used in this process: less than 10 octets under GODEBUG=fips140=only.
func TooShort(secret []byte) bool { return fips140.Enforced() && len("AWS4")+len(secret) < 112/8 }

// SigningKey derives the key of a scope (IAM User Guide, "Create a signed AWS API request", step 4). The caller keeps
// the secret and wipes it. That of an empty secret is a Key that verifies nothing, and so is that of one of less than 10
// octets under GODEBUG=fips140=only, where HMAC takes no key below 112 bits (NIST SP 800-131A); AWS's have 40.
func SigningKey(secret []byte, s Scope) Key {
	if TooShort(secret) {
		return Key{}
	}
	start := append([]byte("AWS4"), secret...)
	mac := hmacSHA256(start, s.Date)
	clear(start)
	for _, part := range []string{s.Region, s.Service, terminator} {
		mac = hmacSHA256(mac[:], part)
	}
	return Key{mac: mac, known: len(secret) > 0}
}

func hmacSHA256(key []byte, text string) (out [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, text)
	h.Sum(out[:0])
	return out
}

// sign is the signature of a canonical request.
func (k Key) sign(at time.Time, s Scope, canonical string) [sha256.Size]byte {
	sum := sha256.Sum256([]byte(canonical))
	return hmacSHA256(k.mac[:], Algorithm+"\n"+at.Format(isoBasic)+"\n"+s.String()+"\n"+hex.EncodeToString(sum[:]))
}

// String never shows the key.
func (k Key) String() string { return redacted }

// Format never shows the key, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue never shows the key.
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses.
func (k Key) MarshalText() ([]byte, error) { return nil, ErrSerialised }
