package sigv4_test

import (
	"bufio"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
)

// parameterSet is what an Authorization header says, whatever the order and the blanks.
func parameterSet(header string) string {
	_, rest, _ := strings.Cut(header, " ")
	parts := strings.Split(rest, ",")
	for i, p := range parts {
		parts[i] = strings.Trim(p, " ")
	}
	slices.Sort(parts)
	return strings.Join(parts, "\n")
}

// FuzzVerify splices octets into a signed request. Whatever comes of it, it verifies only if it says in every signed part
// what the signer said; that is told here without the canonical request.
func FuzzVerify(f *testing.F) {
	raw := wire(signed(f, signer, noon), signedBody)
	f.Add(uint16(0), uint8(0), "")
	f.Add(uint16(len("POST ")), uint8(len("/")), "https://kms.example.com:8443") // an absolute target without a path
	for _, c := range tamperings {
		f.Add(uint16(strings.Index(raw, c.from)), uint8(len(c.from)), c.to)
	}
	original := meaning(f, raw)
	f.Fuzz(func(t *testing.T, at uint16, cut uint8, insert string) {
		start := min(int(at), len(raw))
		end := min(start+int(cut), len(raw))
		changed := raw[:start] + insert + raw[end:]
		r, body, ok := read(changed)
		if !ok || verify(r, body, noon) != nil {
			return
		}
		if got := meaning(t, changed); got != original {
			t.Fatalf("verifies, but means\n%s\nand not\n%s", got, original)
		}
	})
}

func read(raw string) (*http.Request, []byte, bool) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return nil, nil, false
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	return r, body, err == nil
}

// meaning is what a handler sees of the signed parts. No path is the path "/" (RFC 3986, section 6.2.3): an absolute target
// may have none.
func meaning(t testing.TB, raw string) string {
	r, body, ok := read(raw)
	if !ok {
		t.Fatal("cannot be read")
	}
	parts := []string{r.Method, path.Clean("/" + r.URL.Path), r.URL.Query().Encode(), r.Host, string(body)}
	for _, name := range sortedNames(r.Header) {
		if lower := strings.ToLower(name); lower == "content-type" || strings.HasPrefix(lower, "x-amz-") {
			parts = append(parts, name+": "+strings.Join(strings.Fields(strings.Join(r.Header[name], "\x00")), " "))
		}
	}
	return strings.Join(parts, "\n")
}
