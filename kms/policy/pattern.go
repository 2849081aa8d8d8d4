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
	steps       int // of comparing first and last, at most
}

func compile(glob string) pattern {
	segments := strings.Split(glob, anyText)
	p := pattern{whole: len(segments) == 1, first: segments[0], last: segments[len(segments)-1]}
	p.steps = stepsOfTest + stepsAt(p.first) + stepsAt(p.last)
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

// stepsAt is what it costs to compare a segment with one place of a text.
func stepsAt(segment string) int {
	if strings.Contains(segment, oneChar) {
		return stepsOfTest * len(segment)
	}
	return len(segment) / stepsOfTest
}

// searches counts the segments that are searched for and have oneChar in them.
func (p pattern) searches() int {
	n := 0
	for _, s := range p.middle {
		if strings.Contains(s, oneChar) {
			n++
		}
	}
	return n
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

// matches is match for who need not count the work.
func (p pattern) matches(text string) bool { return p.match(text, boundless()) == yes }

// match takes each segment where it first occurs: whatever an earlier place could make possible later, a later place
// cannot add to. It is unsure when it would be more work than the run may be.
func (p *pattern) match(text string, r *run) truth {
	if !r.spend(p.steps) {
		return unsure
	}
	n, ok := prefix(text, p.first)
	if !ok || p.whole {
		return sure(ok && n == len(text))
	}
	text = text[n:]
	for _, s := range p.middle {
		end := search(text, s)
		if !r.spend(stepsTo(s, end, len(text))) {
			return unsure
		}
		if end < 0 {
			return no
		}
		text = text[end:]
	}
	return sure(hasSuffix(text, p.last))
}

// stepsTo is what it cost to search for a segment that was found to end at end, or -1, in a text of a length.
func stepsTo(segment string, end, length int) int {
	if end < 0 {
		end = length
	}
	if strings.Contains(segment, oneChar) {
		return stepsOfSearch + stepsOfSought*end
	}
	if len(segment) < longSearch {
		return stepsOfTest + end/2
	}
	return stepsOfTest + stepsOfLong*end
}

// prefix tells whether text begins with segment, and how many octets of it that takes.
func prefix(text, segment string) (int, bool) {
	if !strings.Contains(segment, oneChar) {
		return len(segment), strings.HasPrefix(text, segment)
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
		var s sought // on the stack
		s.prepare(segment)
		return s.in(text)
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

// sought is a segment that has oneChar in it, prepared for a search that looks at each character of the text once,
// however much of the segment stands at how many places (R. Baeza-Yates and G. Gonnet, "A New Approach to Text
// Searching", 1992).
type sought struct {
	length int
	where  [256]places // of each character up to U+00FF
	others map[rune]*places
	any    places // of oneChar
}

func (s *sought) prepare(segment string) {
	for at := 0; at < len(segment) && s.length < maxSearched; s.length++ {
		c, size := utf8.DecodeRuneInString(segment[at:])
		switch {
		case segment[at] == oneChar[0]:
			s.any.add(s.length)
		case int(c) < len(s.where):
			s.where[c].add(s.length)
		default:
			if s.others == nil {
				s.others = map[rune]*places{}
			}
			if s.others[c] == nil {
				s.others[c] = &places{}
			}
			s.others[c].add(s.length)
		}
		at += size
	}
}

func (s *sought) in(text string) (end int) {
	var found places // the beginnings of the segment that the text ends with here
	words, last := (s.length+63)/64, s.length-1
	for end < len(text) {
		c, size := rune(text[end]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(text[end:])
		}
		here, next := s.at(c, size), uint64(1)
		for i := range words {
			was := found[i]
			found[i], next = (was<<1|next)&(here[i]|s.any[i]), was>>63
		}
		if end += size; found[last/64]>>(last%64)&1 == 1 {
			return end
		}
	}
	return -1
}

// nowhere is where a character that is not in the segment stands.
var nowhere places

// at is where in the segment a character stands, which the text has in so many octets.
func (s *sought) at(c rune, size int) *places {
	if c == utf8.RuneError && size == 1 { // no character of any segment
		return &nowhere
	}
	if int(c) < len(s.where) {
		return &s.where[c]
	}
	if p := s.others[c]; p != nil {
		return p
	}
	return &nowhere
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
