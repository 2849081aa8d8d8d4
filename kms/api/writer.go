package api

import (
	"encoding/base64"
	"unicode/utf8"
)

// writer builds JSON text. Its buffer may hold a plaintext: when it outgrows the old array it wipes that one, so that
// whoever wipes the result has wiped all of it. (encoding/json would keep copies in its pool.)
type writer struct{ buf []byte }

// need makes room for n more bytes.
func (w *writer) need(n int) {
	if cap(w.buf)-len(w.buf) >= n {
		return
	}
	grown := make([]byte, len(w.buf), max(2*cap(w.buf), len(w.buf)+n, 512))
	copy(grown, w.buf)
	clear(w.buf)
	w.buf = grown
}

func (w *writer) raw(s string) {
	w.need(len(s))
	w.buf = append(w.buf, s...)
}

func (w *writer) base64(b []byte) {
	w.need(base64.StdEncoding.EncodedLen(len(b)) + 2)
	w.buf = append(w.buf, '"')
	w.buf = base64.StdEncoding.AppendEncode(w.buf, b)
	w.buf = append(w.buf, '"')
}

const hexDigits = "0123456789abcdef"

// text writes a JSON string. Only what JSON demands is escaped; octets that are not UTF-8 become U+FFFD.
func (w *writer) text(s string) {
	w.need(6*len(s) + 2) // \u00XX is the longest form of an octet
	w.buf = append(w.buf, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.buf = append(w.buf, '\\', byte(r))
		case r == '\n':
			w.buf = append(w.buf, '\\', 'n')
		case r == '\r':
			w.buf = append(w.buf, '\\', 'r')
		case r == '\t':
			w.buf = append(w.buf, '\\', 't')
		case r < 0x20:
			w.buf = append(w.buf, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&0xF])
		default:
			w.buf = utf8.AppendRune(w.buf, r)
		}
	}
	w.buf = append(w.buf, '"')
}
