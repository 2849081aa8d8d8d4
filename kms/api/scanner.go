package api

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of JSON text; the deepest shape has four levels, the rest is for unknown members.
const maxDepth = 32

// scanner reads JSON text (RFC 8259) token by token. Its methods report failure by a false, which always means that the
// text is not JSON: such an error has no message on the wire.
type scanner struct {
	data []byte
	pos  int
}

// peek skips white space and returns the next octet, or 0 at the end.
func (s *scanner) peek() byte {
	for ; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take consumes c if it is next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// word consumes one of the literals true, false and null.
func (s *scanner) word(word string) bool {
	s.peek()
	if !strings.HasPrefix(string(s.data[s.pos:min(len(s.data), s.pos+len(word))]), word) {
		return false
	}
	s.pos += len(word)
	return true
}

// number consumes a JSON number and returns its text.
func (s *scanner) number() (string, bool) {
	s.peek()
	start := s.pos
	s.skip('-')
	if !s.skip('0') && !s.digits() {
		return "", false
	}
	if s.skip('.') && !s.digits() {
		return "", false
	}
	if s.skip('e') || s.skip('E') {
		if !s.skip('+') {
			s.skip('-')
		}
		if !s.digits() {
			return "", false
		}
	}
	return string(s.data[start:s.pos]), true
}

func (s *scanner) skip(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

// str consumes a JSON string and returns its octets in an array of its own, so that a plaintext's base64 form can be
// wiped. Invalid UTF-8 and surrogates without their other half are refused: replacing them, as encoding/json does, would
// give two encryption contexts or names one value.
func (s *scanner) str() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	length, ok := s.quotedLen()
	if !ok {
		return nil, false
	}
	out := make([]byte, 0, length) // an escape is never shorter than what it stands for
	for {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return out, true
		case c < 0x20:
			return nil, false
		case c == '\\':
			r, ok := s.escape()
			if !ok {
				return nil, false
			}
			out = utf8.AppendRune(out, r)
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return nil, false
			}
			out = append(out, s.data[s.pos:s.pos+size]...)
			s.pos += size
		}
	}
}

// quotedLen measures the raw text up to the closing quote, which must be there.
func (s *scanner) quotedLen() (int, bool) {
	for i := s.pos; i < len(s.data); i++ {
		switch s.data[i] {
		case '"':
			return i - s.pos, true
		case '\\':
			i++
		}
	}
	return 0, false
}

const (
	escaped  = `"\/bfnrt`
	unescape = "\"\\/\b\f\n\r\t"
)

// escape consumes an escape sequence, of two \u for a surrogate pair.
func (s *scanner) escape() (rune, bool) {
	c := s.data[s.pos+1] // quotedLen has seen that a quote follows
	s.pos += 2
	if i := strings.IndexByte(escaped, c); i >= 0 {
		return rune(unescape[i]), true
	}
	if c != 'u' {
		return 0, false
	}
	r, ok := s.hex4()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if !s.skip('\\') || !s.skip('u') {
		return 0, false
	}
	low, ok := s.hex4()
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, false
	}
	return r, true
}

func (s *scanner) hex4() (rune, bool) {
	if len(s.data)-s.pos < 4 {
		return 0, false
	}
	var r rune
	for _, c := range s.data[s.pos : s.pos+4] {
		i := strings.IndexByte(hexDigits, c|0x20)
		if i < 0 || (c < '0' || c > '9') && i < 10 {
			return 0, false
		}
		r = r<<4 | rune(i)
	}
	s.pos += 4
	return r, true
}
