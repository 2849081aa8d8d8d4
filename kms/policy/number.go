package policy

import (
	"cmp"
	"strconv"
	"strings"
)

// decimal is a decimal number: 0.digits times ten to the power of point. The digits begin and end with others than 0.
// Floating point would call 9007199254740992 and 9007199254740993 equal.
type decimal struct {
	sign   int // -1, 0, 1
	digits string
	point  int
}

const maxExponent = 9999

// maxScalar is the greatest length of a number or a date in octets, so that a caller cannot make the server read a long
// text once for each value of a policy.
const maxScalar = 256

// parseDecimal reads -12.5e3 and the like: no hexadecimal, no NaN, no infinity, no plus sign.
func parseDecimal(s string) (decimal, bool) {
	d := decimal{sign: 1}
	if len(s) > maxScalar {
		return d, false
	}
	s, minus := strings.CutPrefix(s, "-")
	if minus {
		d.sign = -1
	}
	exponent := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var ok bool
		if exponent, ok = parseExponent(s[i+1:]); !ok {
			return decimal{}, false
		}
		s = s[:i]
	}
	whole, fraction, dot := strings.Cut(s, ".")
	if !isDigits(whole) || dot && !isDigits(fraction) {
		return decimal{}, false
	}
	digits := whole + fraction
	d.digits = strings.TrimLeft(digits, "0")
	d.point = len(whole) - (len(digits) - len(d.digits)) + exponent
	if d.digits = strings.TrimRight(d.digits, "0"); d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

func parseExponent(s string) (int, bool) {
	unsigned := strings.TrimLeft(s, "+-")
	if !isDigits(unsigned) || len(s)-len(unsigned) > 1 {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n <= maxExponent && n >= -maxExponent
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// compare is negative, zero or positive as d is less than, equal to or greater than other.
func (d decimal) compare(other decimal) int {
	if d.sign != other.sign || d.sign == 0 {
		return cmp.Compare(d.sign, other.sign)
	}
	return d.sign * cmp.Or(cmp.Compare(d.point, other.point), strings.Compare(d.digits, other.digits))
}
