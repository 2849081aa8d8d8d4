package policy_test

import (
	"encoding/base64"
	"math/big"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	decimal = regexp.MustCompile(`^-?[0-9]+(?:\.[0-9]+)?(?:[eE]([+-]?[0-9]+))?$`)
	epoch   = regexp.MustCompile(`^-?[0-9]{1,12}(\.[0-9]{1,9})?$`)
	isoDate = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d)?(?:\.(\d+))?(Z|[+-]\d\d:\d\d))?$`)
)

// compare is the operator without its Not, on one value of each side.
func (q slowQuestion) compare(base, got, want string, variables bool) answers {
	switch {
	case base == "stringequals":
		return q.like(want, got, variables, false)
	case base == "stringlike":
		return q.like(want, got, variables, true)
	case base == "stringequalsignorecase":
		pattern, known := q.tokens(want, variables, false)
		text := ""
		for _, t := range pattern {
			text += t.text
		}
		if known != certain(true) {
			return known
		}
		return certain(strings.EqualFold(text, got))
	case strings.HasPrefix(base, "arn"):
		return q.compareARN(got, want, variables)
	case strings.HasPrefix(base, "numeric"):
		a, okA := slowNumber(got)
		b, okB := slowNumber(want)
		return certain(okA && okB && ordered(strings.TrimPrefix(base, "numeric"), a.Cmp(b)))
	case strings.HasPrefix(base, "date"):
		a, okA := slowDate(got)
		b, okB := slowDate(want)
		return certain(okA && okB && ordered(strings.TrimPrefix(base, "date"), a.Cmp(b)))
	case base == "bool":
		return certain(strings.EqualFold(got, want) && (strings.EqualFold(got, "true") || strings.EqualFold(got, "false")))
	case base == "binaryequals":
		a, errA := base64.StdEncoding.Strict().DecodeString(got)
		b, errB := base64.StdEncoding.Strict().DecodeString(want)
		return certain(errA == nil && errB == nil && string(a) == string(b))
	case base == "ipaddress":
		return certain(slowIP(got, want))
	default:
		panic("no operator " + base)
	}
}

func ordered(operator string, c int) bool {
	return map[string]bool{
		"equals": c == 0, "lessthan": c < 0, "lessthanequals": c <= 0, "greaterthan": c > 0, "greaterthanequals": c >= 0,
	}[operator]
}

func (q slowQuestion) compareARN(got, want string, variables bool) answers {
	parts := strings.SplitN(got, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return certain(false)
	}
	// The colons inside variables are put out of sight while the wanted ARN is divided.
	hidden := want
	if variables {
		hidden = variable.ReplaceAllStringFunc(want, func(v string) string { return strings.ReplaceAll(v, ":", "\x00") })
	}
	fields := strings.SplitN(hidden, ":", 6)
	if len(fields) < 6 {
		return q.like(want, got, variables, true)
	}
	var all []answers
	for i, f := range fields {
		all = append(all, q.like(strings.ReplaceAll(f, "\x00", ":"), parts[i], variables, true))
	}
	return allOf(all)
}

func slowNumber(s string) (*big.Rat, bool) {
	m := decimal.FindStringSubmatch(s)
	if m == nil {
		return nil, false
	}
	if e, err := strconv.Atoi("0" + strings.TrimLeft(m[1], "+-")); err != nil || e > 9999 {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// slowDate is seconds since 1970.
func slowDate(s string) (*big.Rat, bool) {
	if epoch.MatchString(s) {
		return new(big.Rat).SetString(s)
	}
	m := isoDate.FindStringSubmatch(s)
	if m == nil || m[3] == "" && m[4] != "" {
		return nil, false
	}
	for i, absent := range []string{2: "00:00", 3: ":00", 4: "0", 5: "Z"} {
		if i > 1 && m[i] == "" {
			m[i] = absent
		}
	}
	t, err := time.Parse(time.RFC3339, m[1]+"T"+m[2]+m[3]+m[5])
	if err != nil {
		return nil, false
	}
	nanoseconds := (m[4] + "000000000")[:9]
	n, _ := new(big.Rat).SetString(strconv.FormatInt(t.Unix(), 10) + "." + nanoseconds)
	if t.Unix() < 0 {
		n, _ = new(big.Rat).SetString("0." + nanoseconds)
		n.Add(n, new(big.Rat).SetInt64(t.Unix()))
	}
	return n, true
}

func slowIP(got, want string) bool {
	address, bits, isRange := strings.Cut(want, "/")
	a, b := net.ParseIP(got), net.ParseIP(address)
	if a == nil || b == nil || (a.To4() == nil) != (b.To4() == nil) {
		return false
	}
	n := 128
	if isRange {
		n, _ = strconv.Atoi(bits)
		if !strings.Contains(address, ":") {
			n += 96
		}
	}
	for i := range n {
		mask := byte(0x80 >> (i % 8))
		if a.To16()[i/8]&mask != b.To16()[i/8]&mask {
			return false
		}
	}
	return true
}
