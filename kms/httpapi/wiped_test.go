package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/httpapi"
)

// witness keeps what passes through: the very octets, not copies.
type witness struct {
	httpapi.Core
	asked, answered, written []byte
	header                   http.Header
	seen                     string // what was written, copied
}

func (w *witness) Do(ctx context.Context, req kms.Request) (any, error) {
	w.asked = req.Body
	out, err := w.Core.Do(ctx, req)
	if d, ok := out.(*api.DecryptOutput); ok {
		w.answered = d.Plaintext
	}
	return out, err
}

func (w *witness) Header() http.Header { return w.header }
func (w *witness) WriteHeader(int)     {}
func (w *witness) Write(p []byte) (int, error) {
	w.written, w.seen = p, string(p)
	return len(p), nil
}

func TestPlaintextIsWipedWhenItHasBeenSent(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	sealed := do[*api.EncryptOutput](b, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("attack at dawn")}).CiphertextBlob
	w := &witness{Core: b.service, header: http.Header{}}
	b.handler = b.newHandler(w)
	b.handler.ServeHTTP(w, b.sign(request("TrentService.Decrypt", `{"CiphertextBlob":"`+base64.StdEncoding.EncodeToString(sealed)+`"}`), b.ada))
	if !bytes.Contains([]byte(w.seen), []byte(base64.StdEncoding.EncodeToString([]byte("attack at dawn")))) {
		t.Fatalf("answered %s", w.seen)
	}
	for name, octets := range map[string][]byte{"the request's body": w.asked, "the core's answer": w.answered, "what was written": w.written} {
		if len(octets) == 0 || !bytes.Equal(octets, make([]byte, len(octets))) {
			t.Errorf("%s is still %q", name, octets)
		}
	}
}
