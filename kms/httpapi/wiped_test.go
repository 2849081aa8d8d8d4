package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/sigv4"
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

// leaky is a body that keeps where it was read to.
type leaky struct {
	*strings.Reader
	places [][]byte
}

func (l *leaky) Close() error { return nil }
func (l *leaky) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	l.places = append(l.places, p[:n])
	return n, err
}

// A body outgrows what it is read into, twice here, and is wiped whether its signature is right or not.
func TestBodiesAreWiped(t *testing.T) {
	b := newBench(t)
	wrong := sigv4.Credentials{AccessKeyID: b.ada.AccessKeyID, SecretAccessKey: []byte("another")}
	text := `{"Plaintext":"` + strings.Repeat("secret", 3000) + `"}`
	for name, r := range map[string]*http.Request{
		"signed": b.sign(request("TrentService.Encrypt", text), b.ada), "signed by nobody": b.sign(request("TrentService.Encrypt", text), wrong),
		"a form": b.sign(form("Action=GetCallerIdentity"+version+"&"+text), b.ada),
	} {
		body := &leaky{Reader: strings.NewReader(text)}
		if name == "a form" {
			body.Reader = strings.NewReader("Action=GetCallerIdentity" + version + "&" + text)
		}
		r.Body = body
		b.ask(r)
		if len(body.places) < 3 {
			t.Errorf("%s: the body is read to %d places", name, len(body.places))
		}
		for _, place := range body.places {
			if !bytes.Equal(place, make([]byte, len(place))) {
				t.Errorf("%s: %d octets of the body are still there", name, len(place))
			}
		}
	}
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
