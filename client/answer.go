package client

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

// decodeJSON reads the body of an answer of success.
func decodeJSON(_ string, body []byte, out any) *failure {
	if _, void := out.(*api.Void); void && len(body) == 0 {
		return nil
	}
	if len(body) == 0 {
		return unreadable("it is empty")
	}
	err := api.DecodeAnswer(body, out)
	if err == nil {
		return complete(out)
	}
	empty(out)
	reason := "it is not JSON"
	var e *api.Error
	if errors.As(err, &e) && e.Message != "" {
		reason = fmt.Sprintf("it is not the operation's: %q", e.Message)
	}
	return unreadable(reason)
}

// complete refuses an answer without the ciphertext or plaintext that its operation is there for, which who does not look
// would go on with.
func complete(out any) *failure {
	v := reflect.ValueOf(out).Elem()
	absent := func(name string) bool {
		member := v.FieldByName(name)
		return member.IsValid() && member.Len() == 0
	}
	sealed := v.FieldByName("CiphertextForRecipient")
	switch {
	case absent("CiphertextBlob"):
		return unreadable("it has no CiphertextBlob")
	case absent("Plaintext") && sealed.IsValid() && sealed.Len() == 0:
		return unreadable("it has no Plaintext")
	}
	return nil
}

// unreadable is for answers that say success: the same request would be answered in the same way.
func unreadable(reason string) *failure { return fails(lost, &AnswerError{reason: reason}) }

// errorBody is the JSON of an error (Smithy 2.0, "AWS JSON 1.1 protocol", "Operation error serialization"). AWS spells
// the message in both ways.
type errorBody struct {
	Type         string `json:"__type"`
	Code         string `json:"code"`
	Message      string `json:"message"`
	UpperMessage string `json:"Message"`
}

// faultJSON is the error in a body, empty when there is none.
func faultJSON(body []byte) (b errorBody) {
	if api.DecodeAnswer(body, &b) != nil {
		return errorBody{}
	}
	return b
}

// readError reads an answer that is no success.
func readError(how reading, response *http.Response) *failure {
	body, err := readBody(response)
	defer secret.Wipe(body)
	v := verdictOf(response.StatusCode)
	if err != nil {
		return fails(v, &StatusError{Status: response.StatusCode, detail: detail(response)})
	}
	e := apiError(response.Header, how.wire.fault(body))
	if e == nil {
		return fails(v, &StatusError{Status: response.StatusCode, detail: detail(response)})
	}
	if notDone[e.Name] {
		v = refused
	}
	return fails(v, e)
}

// notDone are the errors of a server that did not begin with what was asked, and might a little later.
var notDone = map[string]bool{
	api.ThrottlingException:     true,
	api.RequestTimeoutException: true, // the request did not come in time
}

func verdictOf(status int) verdict {
	switch {
	case status == http.StatusTooManyRequests:
		return refused
	case status >= http.StatusInternalServerError:
		return unknown
	}
	return final
}

// apiError is the error that an answer names in its body or in X-Amzn-Errortype, or nil.
func apiError(header http.Header, b errorBody) *api.Error {
	for _, said := range []string{b.Type, b.Code, header.Get("X-Amzn-Errortype")} {
		if name := errorName(said); name != "" {
			message := b.Message
			if message == "" {
				message = b.UpperMessage
			}
			return &api.Error{Name: name, Message: message}
		}
	}
	return nil
}

// errorName strips the namespace before a name, as in com.amazonaws.kms#NotFoundException, and the URI behind it (Smithy
// 2.0, "Operation error serialization"). What is not a name is none.
func errorName(said string) string {
	if i := strings.IndexByte(said, '#'); i >= 0 {
		said = said[i+1:]
	}
	name, _, _ := strings.Cut(said, ":")
	if len(name) > 128 || strings.ContainsFunc(name, func(r rune) bool { return !isNameRune(r) }) {
		return ""
	}
	return name
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_'
}

// detail tells where a redirect would have led.
func detail(response *http.Response) string {
	if response.StatusCode/100 != 3 {
		return ""
	}
	to := response.Header.Get("Location")
	return fmt.Sprintf(", a redirect to %.200q, which is not followed", to)
}

// requestID is the id that the server gave the request, if it can be one.
func requestID(header http.Header) string {
	id := header.Get("X-Amzn-Requestid")
	if len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return !isNameRune(r) && r != '-' }) {
		return ""
	}
	return id
}

// isForgotten tells the errors that newer credentials may get past.
func isForgotten(err error) bool {
	var e *api.Error
	return errors.As(err, &e) && (e.Name == api.ExpiredTokenException || e.Name == api.UnrecognizedClientException)
}
