package audit

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func newReader(s string) io.Reader { return strings.NewReader(s) }

// FuzzScan: a scan never panics, what it accepts is what appendFrame would write, and what it would cut holds no
// record that passes its check.
func FuzzScan(f *testing.F) {
	var good []byte
	for seq := range uint64(3) {
		good = appendFrame(good, seq+7, []byte(`{"eventID":"x"}`))
	}
	f.Add(good, uint64(7))
	f.Add(good, uint64(0))
	f.Add(good[:len(good)-1], uint64(7))
	f.Add(good[:len(good)-9], uint64(7))
	f.Add(bytes.Replace(good, []byte("\n"), []byte(" "), 1), uint64(7))
	f.Add(append(bytes.Clone(good), "\x00\x00\n\n"...), uint64(7))
	f.Fuzz(func(t *testing.T, data []byte, first uint64) {
		var again []byte
		v, err := scan(t.Context(), bytes.NewReader(data), first, func(seq uint64, record []byte) error {
			again = appendFrame(again, seq, record)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if v.size != int64(len(again)) || !bytes.Equal(again, data[:v.size]) {
			t.Fatalf("accepted %q of %q, which is written %q", data[:v.size], data, again)
		}
		rest := data[v.size:]
		switch {
		case v.bad == nil && len(rest) > 0:
			t.Fatalf("nothing is said of %q", rest)
		case v.bad == nil:
		case v.bad.offset != v.size || (v.bad.torn == nil) == (v.bad.reason == ""):
			t.Fatalf("damage %+v after %d bytes", v.bad, v.size)
		case v.bad.whole:
			if !bytes.Equal(append(rest, '\n'), appendFrame(nil, v.next, rest[bytes.Index(rest, []byte(headClose))+len(headClose):len(rest)-checkSize])) {
				t.Fatalf("%q is called whole", rest)
			}
		case v.bad.torn != nil:
			if !bytes.Equal(v.bad.torn, rest) {
				t.Fatalf("would keep %q of %q", v.bad.torn, rest)
			}
			for l := range bytes.Lines(rest) {
				if _, _, ok := parseFrame(bytes.TrimSuffix(l, []byte("\n"))); ok {
					t.Fatalf("would cut the good line %q", l)
				}
			}
		}
	})
}
