package kms

import "time"

// Micros is an instant as integer microseconds since the Unix epoch, UTC; 0 means unset. It is what rows hold.
type Micros int64

// MicrosOf truncates t to a microsecond. The zero time is 0.
func MicrosOf(t time.Time) Micros {
	if t.IsZero() {
		return 0
	}
	return Micros(t.UnixMicro())
}

// Time converts back, in UTC. 0 is the zero time.
func (m Micros) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(m)).UTC()
}
