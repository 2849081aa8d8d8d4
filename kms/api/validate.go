package api

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/keyhold/keyhold/kms/keyspec"
)

const (
	notNull = "Member must not be null"
	notUTF8 = "Member must be valid UTF-8" // JSON cannot carry such a string; a caller in the same process can
)

// maxShown is the length in bytes beyond which a value is cut in a message, so that a refused megabyte is not sent back
// and written to the audit log.
const maxShown = 4096

// maxListed is how many violations a message spells out. Every tag of a request can bring two.
const maxListed = 20

// violations collects what is wrong with a request, in the order in which the service model lists its members, and per
// member length before pattern: the order in which AWS prints it.
type violations struct {
	count  int
	listed []string
}

// add notes a violation. shown is the value as it stands after "Value", with its quotes; "" hides it.
func (v *violations) add(shown, path, constraint string) {
	v.count++
	if len(v.listed) == maxListed {
		return
	}
	if shown != "" {
		shown = " " + shown
	}
	v.listed = append(v.listed, fmt.Sprintf("Value%s at '%s' failed to satisfy constraint: %s", shown, path, constraint))
}

// err is the ValidationException, or nil.
func (v *violations) err() error {
	switch list := strings.Join(v.listed, "; "); v.count {
	case 0:
		return nil
	case 1:
		return Validation("1 validation error detected: " + list)
	default:
		return Validation(fmt.Sprintf("%d validation errors detected: %s", v.count, list))
	}
}

func quoted(value string) string {
	value = strings.ToValidUTF8(value, "\uFFFD")
	if len(value) > maxShown {
		value = strings.ToValidUTF8(value[:maxShown], "") + "…"
	}
	return "'" + value + "'"
}

func atLeast(n int) string {
	return "Member must have length greater than or equal to " + strconv.Itoa(n)
}

func atMost(n int) string { return "Member must have length less than or equal to " + strconv.Itoa(n) }

func oneOf[T ~string](set keyspec.Set[T]) string {
	return "Member must satisfy enum value set: " + set.String()
}

// bounds are the constraints of a string: its length in UTF-16 code units, and the pattern.
type bounds struct {
	min, max int
	pattern  pattern
	required bool
	hidden   bool // the value is not shown
}

// broken lists the constraints that value breaks.
func (b bounds) broken(value string) []string {
	if !utf8.ValidString(value) {
		return []string{notUTF8}
	}
	var out []string
	if n := utf16Len(value); n < b.min {
		out = append(out, atLeast(b.min))
	} else if n > b.max {
		out = append(out, atMost(b.max))
	}
	if !b.pattern.matches(value) {
		out = append(out, "Member must satisfy regular expression pattern: "+b.pattern.text)
	}
	return out
}

// all lists the constraints as AWS prints them for the elements of a list: maximum first.
func (b bounds) all() string {
	constraints := []string{atMost(b.max), atLeast(b.min)}
	if b.pattern.text != "" {
		constraints = append(constraints, "Member must satisfy regular expression pattern: "+b.pattern.text)
	}
	return eachMust(constraints...)
}

// eachMust is the constraint on the elements of a list of scalars, which AWS reports once for the whole list.
func eachMust(constraints ...string) string {
	return "Member must satisfy constraint: [" + strings.Join(constraints, ", ") + "]"
}

// utf16Len is the length that AWS counts: Java's.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

func text[T ~string](v *violations, path string, value *T, b bounds) {
	if value == nil {
		if b.required {
			v.add("null", path, notNull)
		}
		return
	}
	shown := quoted(string(*value))
	if b.hidden {
		shown = ""
	}
	for _, constraint := range b.broken(string(*value)) {
		v.add(shown, path, constraint)
	}
}

func enum[T ~string](v *violations, path string, value *T, set keyspec.Set[T]) {
	if value != nil && !set.Has(*value) {
		v.add(quoted(string(*value)), path, oneOf(set))
	}
}

func enums[T ~string](v *violations, path string, values []T, set keyspec.Set[T]) {
	for _, value := range values {
		if !set.Has(value) {
			v.add(quoted(bracketed(values)), path, eachMust(oneOf(set)))
			return
		}
	}
}

func bracketed[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = string(value)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// or is *p, or the default when p is nil.
func or[T any](p *T, byDefault T) T {
	if p == nil {
		return byDefault
	}
	return *p
}
