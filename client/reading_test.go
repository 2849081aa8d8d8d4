package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
)

// tracked is a body that is cut off after its text, unless it is whole, and knows whether it was closed.
type tracked struct {
	text   io.Reader
	cut    bool
	closed bool
}

func (b *tracked) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if b.cut && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b *tracked) Close() error {
	b.closed = true
	return nil
}

// What asks without a Client reads answers as a Client does.
func TestAnAnswerIsReadWithoutAClient(t *testing.T) {
	long := func(n int) string {
		const frame = `{"Keys":[{"KeyId":""}]}`
		return strings.Replace(frame, `""`, `"`+strings.Repeat("k", n-len(frame))+`"`, 1)
	}
	for _, c := range []struct {
		name   string
		status int
		body   string
		cut    bool
		want   string // of the error; "": it is read
	}{
		{"an answer", 200, `{"Keys":[{"KeyId":"k"}],"New":1}`, false, ""},
		{"the longest", 200, long(client.MaxAnswer), false, ""},
		{"one that is longer", 200, long(client.MaxAnswer + 1), false, "*client.AnswerError read the answer: it is larger than 16777216 bytes"},
		{"one that is not JSON", 200, `<html>`, false, "*client.AnswerError read the answer: it is not JSON"},
		{"one that is empty", 200, ``, false, "*client.AnswerError read the answer: it is empty, and not from a KMS"},
		{"one that is cut off", 200, `{"Keys":[{"KeyId":"k"}]`, true, "*fmt.wrapError read the answer: unexpected EOF"},
		{"an error", 400, `{"__type":"NotFoundException","message":"no"}`, false, "*api.Error NotFoundException: no"},
		{"an error of nobody's", 502, `<html>`, false, "*client.StatusError the server answered HTTP status 502; is the endpoint that of a KMS?"},
		{"an error that is cut off", 500, `{"__type":"KMSInternalException"`, true, "*client.StatusError the server answered HTTP status 500; is the endpoint that of a KMS?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := &tracked{text: strings.NewReader(c.body), cut: c.cut}
			out := &api.ListKeysOutput{NextMarker: "of an earlier answer"}
			err := client.ReadAnswer(&http.Response{StatusCode: c.status, Body: body, ContentLength: -1}, out)
			if said := fmt.Sprintf("%T %v", err, err); c.want != "" && said != c.want {
				t.Errorf("got %s, want %s", said, c.want)
			}
			if read := err == nil && len(out.Keys) == 1 && out.NextMarker == ""; read != (c.want == "") {
				t.Errorf("got %v, %v", out, err)
			}
			if err != nil && (out.Keys != nil || out.NextMarker != "") {
				t.Errorf("after %v the output holds %v", err, out)
			}
			if !body.closed {
				t.Error("it is left open")
			}
		})
	}
}

func TestAnAnswerIsReadIntoOutputsOnly(t *testing.T) {
	for _, out := range []any{nil, api.ListKeysOutput{}, (*api.ListKeysOutput)(nil), &api.ListKeysInput{}, new(string), &struct{ Keys []string }{}} {
		err := client.ReadAnswer(&http.Response{StatusCode: 200, Body: http.NoBody}, out)
		if err == nil || !strings.Contains(err.Error(), "want a pointer to an operation's output") {
			t.Errorf("%T: got %v", out, err)
		}
	}
}
