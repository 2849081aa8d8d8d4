package httpapi

import (
	"errors"
	"io"
	"os"
	"reflect"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

const (
	// smallBody is more than any request of an SDK has: the largest is a policy of 32 KiB. Larger ones, which nearly
	// nobody sends, are few at a time, so that who knows an access key id but not its secret cannot fill the memory.
	smallBody      = 64 << 10
	maxLargeBodies = 16
	// firstRead is what is set aside for a body before anything of it has come.
	firstRead = 4 << 10
)

// room refuses a body by its announced length, or makes room for it until leave is called. The chunked form, which
// announces none, is what requests are smuggled in; no client of the APIs sends it.
func (h *Handler) room(length int64) (leave func(), err error) {
	switch {
	case length < 0:
		return nil, &api.Error{Name: api.MalformedHttpRequestException, Message: "The request has no Content-Length. Send one, and no Transfer-Encoding."}
	case length > api.MaxBody:
		return nil, api.RequestTooLarge()
	case length <= smallBody:
		return func() {}, nil
	}
	select {
	case h.large <- struct{}{}:
		return func() { <-h.large }, nil
	default:
		return nil, api.Throttling()
	}
}

// readBody takes the body, of the announced length. It may hold a plaintext: whoever gets it wipes it, also with an
// error. What it is read into grows with what comes.
func (x *exchange) readBody() ([]byte, error) {
	length := int(x.request.ContentLength)
	body := make([]byte, 0, min(length, firstRead))
	for len(body) < length {
		if len(body) == cap(body) {
			body = grown(body, length)
		}
		n, err := x.request.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err != nil && len(body) < length {
			return body, x.cutShort(err)
		}
	}
	x.read = true
	return body, nil
}

func grown(old []byte, most int) []byte {
	defer secret.Wipe(old)
	return append(make([]byte, 0, min(2*cap(old), most)), old...)
}

func (x *exchange) cutShort(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &api.Error{Name: api.RequestTimeoutException, Message: "The request's body did not come in time."}
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		x.detail = err.Error()
	}
	return &api.Error{Name: api.RequestAbortedException, Message: "The request ended before its body did."}
}

// wipe overwrites the plaintext that an answer has, once it has been encoded.
func wipe(out any) {
	v := reflect.Indirect(reflect.ValueOf(out))
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		if s, ok := v.Field(i).Interface().(api.Sensitive); ok {
			s.Wipe()
		}
	}
}
