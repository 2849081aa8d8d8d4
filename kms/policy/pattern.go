package policy

import (
	"strings"
	"unicode/utf8"
)

// The wildcards inside a compiled text: octets that no UTF-8 text has, so that a * which is meant literally is not
// mistaken for one.
const (
	anyText = "\xff" // any characters, also none
	oneChar = "\xfe" // exactly one character
)

var wildcardsReplacer = strings.NewReplacer("*", anyText, "?", oneChar)

// wildcards makes the * and ? of a text wildcards.
func wildcards(text string) string { return wildcardsReplacer.Replace(text) }

// pattern is a text with wildcards. It is no regular expression: a policy is written by somebody whom the server need
// not trust with its time.
type pattern struct {
	whole       bool   // no anyText: the text is all of first
	first, last string // what the text begins and ends with
	middle      []string
}

func compile(glob string) pattern {
	segments := strings.Split(glob, anyText)
	p := pattern{whole: len(segments) == 1, first: segments[0], last: segments[len(segments)-1]}
	if p.whole {
		return p
	}
	for _, s := range segments[1 : len(segments)-1] {
		if s != "" {
			p.middle = append(p.middle, s)
		}
	}
	return p
}

// maxSearched is the greatest length of a segment that is searched for and has oneChar in it. A search for one takes
// its length times the text's; everything else takes as many steps as the text has octets.
const maxSearched = 256

// tooCostly tells whether matching could take longer than a policy's author may make the server work.
func (p pattern) tooCostly() bool {
	for _, s := range p.middle {
		if len(s) > maxSearched && strings.Contains(s, oneChar) {
			return true
		}
	}
	return false
}

// matches takes each segment where it first occurs: whatever an earlier place could make possible later, a later place
// cannot add to.
func (p pattern) matches(text string) bool {
	n, ok := prefix(text, p.first)
	if !ok || p.whole {
		return ok && n == len(text)
	}
	text = text[n:]
	for _, s := range p.middle {
		_, end := search(text, s)
		if end < 0 {
			return false
		}
		text = text[end:]
	}
	return hasSuffix(text, p.last)
}

// prefix tells whether text begins with segment, and how many octets of it that takes.
func prefix(text, segment string) (int, bool) {
	if strings.HasPrefix(text, segment) && !strings.Contains(segment, oneChar) {
		return len(segment), true
	}
	n := 0
	for i := range len(segment) {
		switch {
		case n == len(text):
			return 0, false
		case segment[i] == oneChar[0]:
			_, size := utf8.DecodeRuneInString(text[n:])
			n += size
		case segment[i] == text[n]:
			n++
		default:
			return 0, false
		}
	}
	return n, true
}

// search finds the first text[start:end] that segment matches; -1, -1 if there is none. It starts at characters only,
// as the text before the place is what anyText takes.
func search(text, segment string) (start, end int) {
	if !strings.Contains(segment, oneChar) {
		if start = strings.Index(text, segment); start < 0 {
			return -1, -1
		}
		return start, start + len(segment)
	}
	for at := 0; at < len(text); {
		if n, ok := prefix(text[at:], segment); ok {
			return at, at + n
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return -1, -1
}

func hasSuffix(text, segment string) bool {
	if !strings.Contains(segment, oneChar) {
		return strings.HasSuffix(text, segment)
	}
	at := len(text)
	for range utf8.RuneCountInString(segment) { // oneChar is not UTF-8 and counts as one
		if at == 0 {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
	}
	n, ok := prefix(text[at:], segment)
	return ok && at+n == len(text)
}

func matchesAny(patterns []pattern, text string) bool {
	for i := range patterns {
		if patterns[i].matches(text) {
			return true
		}
	}
	return false
}
