package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"sync"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

// payload is a request's body. net/http may still read one when the answer is there, so it is read and wiped under a
// lock.
type payload struct {
	length int

	mu    sync.Mutex
	data  []byte
	wiped bool
}

func newPayload(data []byte) *payload { return &payload{length: len(data), data: data} }

func (p *payload) wipe() {
	p.mu.Lock()
	defer p.mu.Unlock()
	secret.Wipe(p.data)
	p.wiped = true
}

var errWiped = errors.New("the call is over")

// reader reads it from the start.
func (p *payload) reader() io.ReadCloser { return io.NopCloser(&payloadReader{payload: p}) }

type payloadReader struct {
	payload *payload
	at      int
}

// Read fails once the payload is wiped, so that no server gets zeros for a plaintext.
func (r *payloadReader) Read(into []byte) (int, error) {
	r.payload.mu.Lock()
	defer r.payload.mu.Unlock()
	if r.payload.wiped {
		return 0, errWiped
	}
	if r.at == len(r.payload.data) {
		return 0, io.EOF
	}
	n := copy(into, r.payload.data[r.at:])
	r.at += n
	return n, nil
}

// firstRead is what is set aside for an answer before its length is known.
const firstRead = 4 << 10

// errAnswerTooLarge is an answer of more than MaxAnswer bytes.
var errAnswerTooLarge = fmt.Errorf("it is larger than %d bytes", MaxAnswer)

// readBody reads an answer of at most MaxAnswer bytes. It may hold a plaintext: whoever gets it wipes it, also with an error,
// which is errAnswerTooLarge or that of the connection.
func readBody(response *http.Response) ([]byte, error) {
	r, length := response.Body, response.ContentLength // -1 if it was not announced
	if length > MaxAnswer {
		return nil, errAnswerTooLarge
	}
	body := make([]byte, 0, max(firstRead, length+1))
	for {
		if len(body) == cap(body) {
			body = grown(body)
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > MaxAnswer:
			return body, errAnswerTooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return body, err
		}
	}
}

func grown(old []byte) []byte {
	defer secret.Wipe(old)
	return append(make([]byte, 0, 2*cap(old)), old...)
}

// empty wipes what an output holds and makes it zero.
func empty(out any) {
	v := reflect.ValueOf(out).Elem()
	for i := range v.NumField() {
		if s, ok := v.Field(i).Interface().(api.Sensitive); ok {
			s.Wipe()
		}
	}
	v.SetZero()
}
