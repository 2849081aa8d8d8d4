package kms

import (
	"strings"
	"testing"
)

// The index of an encryption context by folded names must not make of two names one that conditions tell apart, or two of one.
func TestNamesFoldAsTheyAreCompared(t *testing.T) {
	texts := []string{"", "k", "K", "K", "s", "S", "ſ", "é", "É", "ß", "ẞ", "ss", "İ", "i", "I", "ı", "σ", "ς", "Σ", "\xff", "�", "a\xffB", "A�b", "Ab", "µ", "μ"}
	for _, a := range texts {
		for _, b := range texts {
			if got := folded(a) == folded(b); got != strings.EqualFold(a, b) {
				t.Errorf("%q and %q: %v", a, b, got)
			}
		}
	}
}
