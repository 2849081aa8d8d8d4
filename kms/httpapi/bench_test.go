package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/keyhold/keyhold/kms"
)

// nobody takes an answer and keeps nothing of it.
type nobody struct {
	header http.Header
	status int
}

func (n *nobody) Header() http.Header         { return n.header }
func (n *nobody) WriteHeader(status int)      { n.status = status }
func (n *nobody) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkRequest compares a signed request through the handler, whose signing key is remembered, with the core alone.
// The difference is what the wire costs.
func BenchmarkRequest(b *testing.B) {
	bench := newBench(b)
	key := bench.newKey()
	user, err := bench.service.Credential(b.Context(), kms.AccessKeyID(bench.ada.AccessKeyID), "")
	if err != nil {
		b.Fatal(err)
	}
	for operation, body := range map[string]string{
		"DescribeKey": `{"KeyId":"` + key + `"}`,
		"Encrypt":     `{"KeyId":"` + key + `","Plaintext":"aGVsbG8="}`,
	} {
		b.Run(operation+"/core", func(b *testing.B) {
			for b.Loop() {
				if _, err := bench.service.Do(b.Context(), kms.Request{Operation: operation, Caller: user.Caller, Body: []byte(body)}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(operation+"/wire", func(b *testing.B) {
			r := bench.sign(request("TrentService."+operation, body), bench.ada)
			for b.Loop() {
				r.Body = io.NopCloser(bytes.NewReader([]byte(body)))
				w := nobody{header: http.Header{}}
				if bench.handler.ServeHTTP(&w, r); w.status != http.StatusOK {
					b.Fatal(w.status)
				}
			}
		})
	}
}
