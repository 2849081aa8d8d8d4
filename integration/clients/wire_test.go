package clients

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// wire is what the SDK sends by. It holds every answer of AWS KMS against the table of shapes, member by member, because a
// typed client passes over what it does not know and does not miss what is absent.
type wire struct {
	t *testing.T

	mu      sync.Mutex
	answers []answered
	after   func(n int) error // when set: called with the number of the attempt that the server has answered, and may lose the answer
}

// answered is one attempt.
type answered struct {
	operation string
	status    int
	attempt   string // the SDK's header amz-sdk-request
	errorCode string
}

// RoundTrip sends the request as it is.
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
	if target, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService."); ok {
		a.operation = target
		a.errorCode = w.check(target, response, body)
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

// check holds one answer against the tables, and answers the name of the error, if it is one.
func (w *wire) check(operation string, response *http.Response, body []byte) (errorCode string) {
	w.t.Helper()
	if response.Header.Get("X-Amzn-Requestid") == "" || response.Header.Get("Date") == "" {
		w.t.Errorf("%s: an answer without request id or date: %v", operation, response.Header)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/x-amz-json-1.1" {
		w.t.Errorf("%s: content type %q", operation, kind)
	}
	shape, known := outputs[operation]
	switch {
	case response.StatusCode != http.StatusOK:
		return w.checkError(operation, response.StatusCode, body)
	case !known:
		w.t.Errorf("%s has no row in the table of shapes", operation)
	case shape == "" && len(body) > 0:
		w.t.Errorf("%s: AWS answers nothing, and this is %s", operation, body)
	case shape != "":
		var members map[string]any
		if err := json.Unmarshal(body, &members); err != nil {
			w.t.Errorf("%s: %v: %s", operation, err, body)
			return ""
		}
		for _, wrong := range checkMembers(operation, shape, members) {
			w.t.Errorf("%s\n%s", wrong, body)
		}
	}
	return ""
}

// serverErrors are those that are answered with 500.
var serverErrors = map[string]bool{"KMSInternalException": true, "DependencyTimeoutException": true, "KeyUnavailableException": true}

func (w *wire) checkError(operation string, status int, body []byte) string {
	w.t.Helper()
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		w.t.Errorf("%s: %v: %s", operation, err, body)
		return ""
	}
	for _, wrong := range checkMembers(operation, "__type:text message?:text", members) {
		w.t.Errorf("%s\n%s", wrong, body)
	}
	name, _ := members["__type"].(string)
	if want := map[bool]int{true: http.StatusInternalServerError, false: http.StatusBadRequest}[serverErrors[name]]; status != want {
		w.t.Errorf("%s: %s has status %d, want %d", operation, name, status, want)
	}
	return name
}
