package policy

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf16"
)

// string reads a string that begins at the cursor and resolves its escapes (RFC 8259 section 7).
func (r *reader) string() (string, error) {
	r.at++
	// Most strings have no escapes, and are a part of the document as they are.
	if n := strings.IndexAny(r.document[r.at:], plainEnds); n >= 0 && r.document[r.at+n] == '"' {
		r.at += n + 1
		return r.document[r.at-n-1 : r.at-1], nil
	}
	var b strings.Builder
	for r.at < len(r.document) {
		switch c := r.document[r.at]; {
		case c == '"':
			r.at++
			return b.String(), nil
		case c < 0x20:
			return "", r.errorf("a string may not hold a raw line break or tab; write \\n, \\r or \\t")
		case c == '\\':
			if err := r.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
			r.at++
		}
	}
	return "", r.errorf("the text ends inside a string")
}

const (
	plainEnds    = "\"\\\t\n\r" // of the control characters, documents have only these
	escapeNames  = `"\/bfnrt`
	escapeValues = "\"\\/\b\f\n\r\t"
)

// escape reads one escape sequence. What it stands for must be in the character set too: else a document would hold
// characters that no reader of its text sees.
func (r *reader) escape(b *strings.Builder) error {
	rest := r.document[r.at+1:]
	if rest == "" {
		r.at++
		return r.errorf("the text ends inside a string")
	}
	c, length := rune(-1), 2
	if i := strings.IndexByte(escapeNames, rest[0]); i >= 0 {
		c = rune(escapeValues[i])
	} else if rest[0] == 'u' {
		c, length = hexEscape(rest), 6
	}
	if c < 0 {
		return r.errorf("this escape sequence is not JSON")
	}
	if utf16.IsSurrogate(c) || !inCharset(c) {
		return r.errorf("the escaped character U+%04X is not allowed: only TAB, LF, CR and U+0020 to U+00FF are", c)
	}
	b.WriteRune(c)
	r.at += length
	return nil
}

// hexEscape reads u and four hexadecimal digits; -1 if that is not what s begins with.
func hexEscape(s string) rune {
	if len(s) < 5 {
		return -1
	}
	// ParseUint takes no sign and, with an explicit base, no prefix and no underscore: only digits.
	v, err := strconv.ParseUint(s[1:5], 16, 16)
	if err != nil {
		return -1
	}
	return rune(v)
}

// scalar reads a number, true, false or null, and gives its text as written.
func (r *reader) scalar() (kind, string, error) {
	end := r.at
	for end < len(r.document) && strings.IndexByte(" \t\r\n,:]}", r.document[end]) < 0 {
		end++
	}
	word := r.document[r.at:end]
	var k kind
	switch {
	case !json.Valid([]byte(word)):
		return 0, "", r.errorf("a value belongs here")
	case word == "true" || word == "false":
		k = boolKind
	case word == "null":
		k = nullKind
	default:
		k = numberKind
	}
	r.at = end
	return k, word, nil
}
