package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// wire is what the SDK sends by. It holds every answer against the tables of shapes, member by member, because a
// typed client passes over what it does not know and does not miss what is absent.
type wire struct {
	t *testing.T

	mu      sync.Mutex
	answers []answered
	after   func(n int) error // when set: called with the number of the attempt that the server has answered, and may lose the answer
}

// answered is one attempt.
type answered struct {
	status    int
	attempt   string // the SDK's header amz-sdk-request
	errorCode string
}

// RoundTrip sends the request as it is. An answer of another shape is an error.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	n, after := len(w.answers)+1, w.after
	w.mu.Unlock()
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // it is read to its end
	response.Body = io.NopCloser(bytes.NewReader(body))
	a := answered{status: response.StatusCode, attempt: r.Header.Get("Amz-Sdk-Request")}
	var wrong []string
	if operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService."); ok {
		a.errorCode, wrong = check(operation, response, body)
	} else {
		wrong = checkReply(response, body)
	}
	if err == nil && len(wrong) > 0 {
		err = errors.New(strings.Join(wrong, "\n"))
		w.t.Error(err)
	}
	w.mu.Lock()
	w.answers = append(w.answers, a)
	w.mu.Unlock()
	if after != nil && err == nil {
		err = after(n)
	}
	if err != nil {
		return nil, err
	}
	return response, nil
}

func (w *wire) all() []answered {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]answered(nil), w.answers...)
}

// check holds one answer against the tables. It answers the name of the error, if it is one, and what is wrong.
func check(operation string, response *http.Response, body []byte) (errorCode string, wrong []string) {
	if response.Header.Get("X-Amzn-Requestid") == "" || response.Header.Get("Date") == "" {
		wrong = append(wrong, fmt.Sprintf("%s: an answer without request id or date: %v", operation, response.Header))
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/x-amz-json-1.1" {
		wrong = append(wrong, fmt.Sprintf("%s: content type %q", operation, kind))
	}
	shape, known := outputs[operation]
	if response.StatusCode != http.StatusOK {
		shape, known = "__type:text message?:text", true
	}
	switch {
	case !known:
		return "", append(wrong, operation+" has no row in the table of shapes")
	case shape == "" && len(body) > 0:
		return "", append(wrong, operation+": AWS answers nothing")
	case shape == "":
		return "", wrong
	}
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		return "", append(wrong, fmt.Sprintf("%s: %v", operation, err))
	}
	wrong = append(wrong, checkMembers(operation, shape, members)...)
	errorCode, _ = members["__type"].(string)
	if want := statusOf(errorCode); response.StatusCode != want {
		wrong = append(wrong, fmt.Sprintf("%s: %s has status %d, want %d", operation, errorCode, response.StatusCode, want))
	}
	return errorCode, wrong
}

// statusOf is the status of an error; "" is none.
func statusOf(errorCode string) int {
	switch errorCode {
	case "":
		return http.StatusOK
	case "KMSInternalException", "DependencyTimeoutException", "KeyUnavailableException":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}
