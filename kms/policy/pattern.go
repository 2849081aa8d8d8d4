package policy

import "strings"

// pattern is a text with wildcards: * stands for any octets, also none, and ? for exactly one. It is no regular
// expression: a policy is written by somebody whom the server need not trust with its time.
type pattern struct {
	glob string // without two * in a row
	min  int    // the length of the shortest text that matches
}

func compile(glob string) pattern {
	var b strings.Builder
	for i := range len(glob) {
		if glob[i] != '*' || i == 0 || glob[i-1] != '*' {
			b.WriteByte(glob[i])
		}
	}
	p := pattern{glob: b.String()}
	p.min = len(p.glob) - strings.Count(p.glob, "*")
	return p
}

// matches takes no more than len(glob) times len(text) steps: only the last * ever takes more text, because whatever
// an earlier one could take instead, the last one can take too. Octets rather than characters are compared: what a
// request names (actions, ARNs of keys) is ASCII.
func (p pattern) matches(text string) bool {
	if p.min > len(text) {
		return false
	}
	g, t := 0, 0
	star, taken := -1, 0 // where the last * is, and where the text that it has not taken begins
	for t < len(text) {
		switch {
		case g < len(p.glob) && p.glob[g] == '*':
			star, taken = g, t
			g++
		case g < len(p.glob) && (p.glob[g] == '?' || p.glob[g] == text[t]):
			g++
			t++
		case star >= 0:
			taken++
			g, t = star+1, taken
		default:
			return false
		}
	}
	return g == len(p.glob) || p.glob[g:] == "*"
}

func matchesAny(patterns []pattern, text string) bool {
	for _, p := range patterns {
		if p.matches(text) {
			return true
		}
	}
	return false
}
