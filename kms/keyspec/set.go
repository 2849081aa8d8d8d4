// Package keyspec holds the tables of the AWS KMS vocabulary: key specs, usages, algorithms, sizes and states, and which
// of them go together. Every such fact has its one home here. It is a leaf: it imports nothing of Keyhold.
package keyspec

import (
	"slices"
	"strings"
)

// Set is a closed set of the values of one wire enum, in the order in which AWS prints them in validation messages
// where that order has been recorded, else in the order of the service model. It is immutable.
type Set[T ~string] struct {
	values  []T
	printed string
}

func newSet[T ~string](values ...T) Set[T] {
	return Set[T]{values: values, printed: list(values)}
}

// Has tells whether v is one of the values. Comparison is exact: the wire's enums are case-sensitive.
func (s Set[T]) Has(v T) bool { return slices.Contains(s.values, v) }

// Values returns the values as a fresh slice.
func (s Set[T]) Values() []T { return slices.Clone(s.values) }

// String is the set as AWS prints it: "[A, B]".
func (s Set[T]) String() string { return s.printed }

func list[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return "[" + strings.Join(words, ", ") + "]"
}
