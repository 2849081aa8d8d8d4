package policy

import (
	"strconv"
	"strings"
	"time"
)

// parseDate reads seconds since 1970, or a date of the W3C's profile of ISO 8601 (https://www.w3.org/TR/NOTE-datetime):
// to the day, minute or second, the latter two with Z or an offset. Of the four digits of a year alone, nobody could
// tell which of the two they are.
func parseDate(s string) (time.Time, bool) {
	if len(s) > maxScalar {
		return time.Time{}, false
	}
	if t, ok := parseEpoch(s); ok {
		return t, true
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04Z07:00", time.RFC3339} {
		// Parse is more lenient than the profile: it takes hours of one digit, and a comma before a fraction.
		if t, err := time.Parse(layout, s); err == nil && shaped(s, layout) {
			return t, true
		}
	}
	return time.Time{}, false
}

// shaped tells whether a date that layout could read has its marks where the profile has them.
func shaped(s, layout string) bool {
	if layout == time.DateOnly {
		return true
	}
	head := strings.TrimSuffix(layout, "Z07:00")
	if len(s) < len(head) || strings.Contains(s, ",") {
		return false
	}
	for i := range len(head) {
		if digit := head[i] >= '0' && head[i] <= '9'; digit != (s[i] >= '0' && s[i] <= '9') {
			return false
		}
	}
	return true
}

// parseEpoch reads whole seconds, and fractions of them to the nanosecond.
func parseEpoch(s string) (time.Time, bool) {
	whole, fraction, dot := strings.Cut(s, ".")
	unsigned := strings.TrimPrefix(whole, "-")
	if !isDigits(unsigned) || len(unsigned) > 12 || dot && (!isDigits(fraction) || len(fraction) > 9) {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	nanoseconds, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if unsigned != whole {
		nanoseconds = -nanoseconds
	}
	return time.Unix(seconds, nanoseconds), err == nil
}
