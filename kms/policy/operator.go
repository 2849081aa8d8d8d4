package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
)

// operator is a row of the table of condition operators.
type operator struct {
	negated bool
	compile func(g *grammar, n node) (test, error)
}

// operators are the condition operators by their names in lower case (IAM User Guide, "IAM JSON policy elements:
// Condition operators"). A value of the request that is not of the operator's type is equal to no value.
var operators = map[string]operator{
	"stringequals":              {false, compileText(false)},
	"stringnotequals":           {true, compileText(false)},
	"stringequalsignorecase":    {false, compileFolded},
	"stringnotequalsignorecase": {true, compileFolded},
	"stringlike":                {false, compileText(true)},
	"stringnotlike":             {true, compileText(true)},
	"numericequals":             {false, compileNumber(func(c int) bool { return c == 0 })},
	"numericnotequals":          {true, compileNumber(func(c int) bool { return c == 0 })},
	"numericlessthan":           {false, compileNumber(func(c int) bool { return c < 0 })},
	"numericlessthanequals":     {false, compileNumber(func(c int) bool { return c <= 0 })},
	"numericgreaterthan":        {false, compileNumber(func(c int) bool { return c > 0 })},
	"numericgreaterthanequals":  {false, compileNumber(func(c int) bool { return c >= 0 })},
	"dateequals":                {false, compileDate(func(c int) bool { return c == 0 })},
	"datenotequals":             {true, compileDate(func(c int) bool { return c == 0 })},
	"datelessthan":              {false, compileDate(func(c int) bool { return c < 0 })},
	"datelessthanequals":        {false, compileDate(func(c int) bool { return c <= 0 })},
	"dategreaterthan":           {false, compileDate(func(c int) bool { return c > 0 })},
	"dategreaterthanequals":     {false, compileDate(func(c int) bool { return c >= 0 })},
	"bool":                      {false, compileBool},
	"binaryequals":              {false, compileBinary},
	"ipaddress":                 {false, compileIP},
	"notipaddress":              {true, compileIP},
	"arnequals":                 {false, compileARN},
	"arnnotequals":              {true, compileARN},
	"arnlike":                   {false, compileARN},
	"arnnotlike":                {true, compileARN},
}

// findOperator takes the set operator and IfExists off a name. Null has neither: it is about whether the key exists.
func findOperator(name string) (condition, operator, bool) {
	c := condition{operator: name}
	lower := strings.ToLower(name)
	if lower == "null" {
		c.null = true
		return c, operator{compile: compileBool}, true
	}
	if rest, ok := strings.CutPrefix(lower, "forallvalues:"); ok {
		lower, c.set = rest, allValues
	} else if rest, ok := strings.CutPrefix(lower, "foranyvalue:"); ok {
		lower, c.set = rest, anyValue
	}
	lower, c.ifExists = strings.CutSuffix(lower, "ifexists")
	op, ok := operators[lower]
	c.negated = op.negated
	return c, op, ok
}

func compileText(wild bool) func(*grammar, node) (test, error) {
	return func(g *grammar, n node) (test, error) {
		t, err := g.template(n, wild)
		return t.match, err
	}
}

func compileFolded(g *grammar, n node) (test, error) {
	t, err := g.template(n, false)
	return t.fold, err
}

func compileNumber(meets func(int) bool) func(*grammar, node) (test, error) {
	return func(g *grammar, n node) (test, error) {
		want, ok := parseDecimal(n.text)
		if !ok {
			return nil, g.errorf(n.at, "%q is not a decimal number", n.text)
		}
		return func(got string, r *run) truth {
			r.spend(stepsOfParse + stepsOfTest*min(len(got), maxScalar))
			number, ok := parseDecimal(got)
			return sure(ok && meets(number.compare(want)))
		}, nil
	}
}

func compileDate(meets func(int) bool) func(*grammar, node) (test, error) {
	return func(g *grammar, n node) (test, error) {
		want, ok := parseDate(n.text)
		if !ok || isDigits(n.text) && len(n.text) == len("2006") {
			return nil, g.errorf(n.at, "%q is neither a date such as 2026-01-31T12:00:00Z nor seconds since 1970", n.text)
		}
		return func(got string, r *run) truth {
			r.spend(stepsOfDate + stepsOfTest*min(len(got), maxScalar))
			instant, ok := parseDate(got)
			return sure(ok && meets(instant.Compare(want)))
		}, nil
	}
}

func compileBool(g *grammar, n node) (test, error) {
	want, ok := parseBool(n.text)
	if !ok {
		return nil, g.errorf(n.at, "%q is neither true nor false", n.text)
	}
	return func(got string, r *run) truth {
		r.spend(2 * stepsOfTest)
		b, ok := parseBool(got)
		return sure(ok && b == want)
	}, nil
}

func parseBool(s string) (value, ok bool) {
	value = strings.EqualFold(s, "true")
	return value, value || strings.EqualFold(s, "false")
}

func compileBinary(g *grammar, n node) (test, error) {
	want, err := base64.StdEncoding.Strict().DecodeString(n.text)
	if err != nil || strings.ContainsAny(n.text, "\r\n") {
		return nil, g.errorf(n.at, "%q is not base64", n.text)
	}
	return func(got string, r *run) truth {
		r.spend(stepsOfParse + 4*len(got))
		octets, err := base64.StdEncoding.Strict().DecodeString(got)
		return sure(err == nil && string(octets) == string(want))
	}, nil
}

// maxAddress is above the length of any IP address without a zone, in octets.
const maxAddress = 64

func compileIP(g *grammar, n node) (test, error) {
	want, ok := parsePrefix(n.text)
	if !ok {
		return nil, g.errorf(n.at, "%q is neither an IP address nor a range such as 192.0.2.0/24", n.text)
	}
	return func(got string, r *run) truth {
		r.spend(stepsOfParse)
		if len(got) > maxAddress { // a zone, which no range contains, can be of any length
			return no
		}
		address, err := netip.ParseAddr(got)
		return sure(err == nil && want.Contains(address.Unmap()))
	}, nil
}

// parsePrefix reads an address or a range of them. An IPv4 address in IPv6 clothes (RFC 4291 section 2.5.5.2) is the
// IPv4 address, on both sides of a comparison: else a caller could choose which of two it is.
func parsePrefix(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		address, err := netip.ParseAddr(s)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, false
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if prefix.Addr().Is4In6() {
		if prefix.Bits() < 96 {
			return netip.Prefix{}, false // some of it would be IPv4 and some not
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), true
}
