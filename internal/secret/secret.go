// Package secret holds byte strings that must never be printed, logged or serialised, and are wiped after use.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// ErrSerialised is what encoding a Bytes answers: a secret has no JSON, text or binary form.
var ErrSerialised = errors.New("a secret cannot be serialised")

// Bytes is a secret octet string. The zero value is an empty secret. Copies of a Bytes share the octets, so that
// Wipe on one wipes them all.
type Bytes struct{ b []byte }

// New takes ownership of b: the caller must not use b again.
func New(b []byte) Bytes { return Bytes{b: b} }

// Random returns n octets read from r, usually crypto/rand.Reader.
func Random(r io.Reader, n int) (Bytes, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return Bytes{}, fmt.Errorf("read random octets: %w", err)
	}
	return Bytes{b: b}, nil
}

// Reveal returns the octets themselves, not a copy. They are valid until Wipe.
func (s Bytes) Reveal() []byte { return s.b }

// Len is the number of octets.
func (s Bytes) Len() int { return len(s.b) }

// Equal compares in time that depends on the lengths only.
func (s Bytes) Equal(t Bytes) bool { return subtle.ConstantTimeCompare(s.b, t.b) == 1 }

// Wipe overwrites the octets with zeros.
func (s Bytes) Wipe() { Wipe(s.b) }

// String never shows the secret.
func (s Bytes) String() string { return redacted }

// Format never shows the secret, whatever the verb.
func (s Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue never shows the secret.
func (s Bytes) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses.
func (s Bytes) MarshalJSON() ([]byte, error) { return nil, ErrSerialised }

// MarshalText refuses.
func (s Bytes) MarshalText() ([]byte, error) { return nil, ErrSerialised }

// Wipe overwrites b with zeros. It is for plaintext that passes through plain slices.
func Wipe(b []byte) { clear(b) }
