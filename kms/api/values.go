package api

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"time"
)

const redacted = "[sensitive]"

// Sensitive is a blob that is a secret, such as Plaintext. Its JSON is standard base64 with padding, because the wire
// carries it; text, logs and audit records never do. Nil is an absent member. Copies share the octets.
type Sensitive []byte

// String never shows the octets.
func (s Sensitive) String() string { return redacted }

// GoString never shows the octets.
func (s Sensitive) GoString() string { return redacted }

// Format never shows the octets, whatever the verb.
func (s Sensitive) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue never shows the octets.
func (s Sensitive) LogValue() slog.Value { return slog.StringValue(redacted) }

// Wipe overwrites the octets with zeros.
func (s Sensitive) Wipe() { clear(s) }

// Time is an instant as integer microseconds since the Unix epoch. On the wire it is a JSON number of seconds with up
// to three decimals, as AWS sends it: what is finer than a millisecond is cut off. Zero is an absent member.
type Time int64

// maxSeconds is the last second of the year 9999, beyond which RFC 3339 ends too.
const maxSeconds = 253402300799

// TimeOf is the wire form of t. The zero time is absent.
func TimeOf(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMicro())
}

// Time converts back, in UTC. Zero gives the zero time.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(t)).UTC()
}

// String is the instant in RFC 3339 with milliseconds, as audit records show it.
func (t Time) String() string { return t.Time().Format("2006-01-02T15:04:05.000Z07:00") }

// MarshalJSON is the JSON number.
func (t Time) MarshalJSON() ([]byte, error) { return t.appendJSON(nil), nil }

// UnmarshalJSON reads any JSON number of seconds.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	v, ok := parseTime(string(data))
	if !ok {
		return fmt.Errorf("timestamp %q: want seconds since the epoch", data)
	}
	*t = v
	return nil
}

func (t Time) appendJSON(b []byte) []byte {
	millis := int64(t) / 1000
	if millis < 0 {
		b, millis = append(b, '-'), -millis
	}
	b = strconv.AppendInt(b, millis/1000, 10)
	if fraction := millis % 1000; fraction != 0 {
		b = append(b, '.')
		b = append(b, fmt.Sprintf("%03d", fraction)...)
	}
	return b
}

// parseTime rounds to the millisecond: a float64 holds the milliseconds of every representable instant exactly enough.
func parseTime(number string) (Time, bool) {
	seconds, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(seconds) || math.Abs(seconds) > maxSeconds {
		return 0, false
	}
	return Time(math.Round(seconds*1000)) * 1000, true
}

// EncryptionContext is the additional authenticated data of a symmetric encryption: names and values in clear, compared
// exactly. Absent and empty are the same. It is no secret: it stands in policies and audit records.
type EncryptionContext map[string]string

// Size is the total length of names and values in bytes of UTF-8, bounded by MaxEncryptionContext.
func (c EncryptionContext) Size() int {
	size := 0
	for name, value := range c {
		size += len(name) + len(value)
	}
	return size
}

// Void is the output of operations that answer with an empty body: the HTTP layer sends 200 and no octets for it.
type Void struct{}
