package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
)

// MaxAnswer is how many bytes of an answer are read: more than a list of 1,000 keys has, or of 100 grants.
const MaxAnswer = 16 << 20

// ReadAnswer reads an answer of AWS JSON 1.1 (Smithy 2.0, "AWS JSON 1.1 protocol"), of at most MaxAnswer bytes, and closes it. A
// Client does that on its own: it is for who asks without a Client, as over a Unix socket. out points to the operation's
// output shape, or is an *api.Void.
//
// An error is an *api.Error when the server answered one, a *StatusError when it answered something else, an *AnswerError
// when it answered success that cannot be read, or that of a connection which broke. After an error *out holds nothing.
func ReadAnswer(response *http.Response, out any) error {
	defer func() { _ = response.Body.Close() }()
	if name := shapeName(out); name != "Void" && !strings.HasSuffix(name, "Output") {
		return fmt.Errorf("read an answer into a %T: want a pointer to an operation's output, or an *api.Void, that is not nil", out)
	}
	if f := readAnswer(reading{wire: jsonWire}, response, out); f != nil {
		empty(out)
		return f.err
	}
	return nil
}

// reading is how an answer is read.
type reading struct {
	wire      wire
	operation string // which answers of queries name
}

// readAnswer reads an answer, whose body stays open.
func readAnswer(how reading, response *http.Response, out any) *failure {
	if response.StatusCode != http.StatusOK {
		return readError(how, response)
	}
	body, err := readBody(response)
	defer secret.Wipe(body)
	switch {
	case errors.Is(err, errAnswerTooLarge):
		return unreadable(err.Error())
	case err != nil:
		return fails(unknown, fmt.Errorf("read the answer: %w", err))
	}
	if len(body) == 0 && !isAnswer(response.Header) {
		return unreadable("it is empty, and not from a KMS")
	}
	return how.wire.decode(how.operation, body, out)
}

// isAnswer tells whether an answer is marked as one of the API, of which AWS and Keyhold mark each.
func isAnswer(h http.Header) bool {
	return requestID(h) != "" || h.Get("Content-Type") == jsonKind
}
