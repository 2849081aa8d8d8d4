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

// maxSearched is the greatest length of a segment that is searched for and has oneChar in it.
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
		end := search(text, s)
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

// search finds where the first place that segment matches ends; -1 if there is none. It starts at characters only, as the
// text before the place is what anyText takes.
func search(text, segment string) (end int) {
	if strings.Contains(segment, oneChar) {
		return newSought(segment).in(text)
	}
	start := strings.Index(text, segment)
	if start < 0 {
		return -1
	}
	return start + len(segment)
}

// places has a bit for each character of a segment.
type places [maxSearched / 64]uint64

func (p *places) add(i int) { p[i/64] |= 1 << (i % 64) }

func (p *places) has(i int) bool { return p[i/64]>>(i%64)&1 == 1 }

// sought is a segment that has oneChar in it, prepared for a search that looks at each character of the text once,
// however much of the segment stands at how many places (R. Baeza-Yates and G. Gonnet, "A New Approach to Text
// Searching", 1992).
type sought struct {
	length int
	where  [256]places // of each character up to U+00FF
	others map[rune]places
	any    places // of oneChar
}

func newSought(segment string) *sought {
	s := &sought{others: map[rune]places{}}
	for at := 0; at < len(segment) && s.length < maxSearched; s.length++ {
		c, size := utf8.DecodeRuneInString(segment[at:])
		other := s.others[c]
		switch {
		case segment[at] == oneChar[0]:
			s.any.add(s.length)
		case int(c) < len(s.where):
			s.where[c].add(s.length)
		default:
			other.add(s.length)
			s.others[c] = other
		}
		at += size
	}
	return s
}

func (s *sought) in(text string) (end int) {
	var found places // the beginnings of the segment that the text ends with here
	for end < len(text) {
		c, size := utf8.DecodeRuneInString(text[end:])
		var here places
		switch {
		case c == utf8.RuneError && size == 1: // no character of any segment
		case int(c) < len(s.where):
			here = s.where[c]
		default:
			here = s.others[c]
		}
		next := uint64(1)
		for i := range found[:(s.length+63)/64] {
			was := found[i]
			found[i], next = (was<<1|next)&(here[i]|s.any[i]), was>>63
		}
		if end += size; found.has(s.length - 1) {
			return end
		}
	}
	return -1
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
