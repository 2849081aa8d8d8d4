package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
)

// ErrUncertain is any error after which it is unknown whether the request took effect: the server failed while it had
// it, or the connection did. Look what is there before asking again.
var ErrUncertain = errors.New("it is unknown whether the request took effect")

var errRequestTooLarge = fmt.Errorf("the request is larger than %d bytes", api.MaxBody)

// Error is a call that failed. It holds no plaintext, no secret and no signature.
type Error struct {
	Operation string
	Status    int    // of the last answer; 0 when there was none
	RequestID string // that the server gave it, by which its logs and audit records find it; "" when there was none
	Attempts  int    // how many were made; 0 when the request cannot be sent at all
	Uncertain bool   // whether it is an ErrUncertain; never so for operations that leave nothing behind
	// Err is an *api.Error when the server answered one, a *StatusError when it answered something else, an
	// *AnswerError when it answered success that cannot be read, the context's error, or what kept a request from being
	// sent or answered.
	Err error
}

// Error is in one line: operation, cause, attempts, request id.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "call %s: %v", e.Operation, e.Err)
	var notes []string
	if e.Attempts > 1 {
		notes = append(notes, fmt.Sprintf("%d attempts", e.Attempts))
	}
	if e.RequestID != "" {
		notes = append(notes, "request "+e.RequestID)
	}
	if len(notes) > 0 {
		b.WriteString(" (" + strings.Join(notes, ", ") + ")")
	}
	if e.Uncertain {
		b.WriteString("; " + ErrUncertain.Error() + ": look what is there before you ask again")
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is tells ErrUncertain.
func (e *Error) Is(target error) bool { return target == ErrUncertain && e.Uncertain }

// StatusError is an answer that is not one of the API, as of a proxy in between or another server.
type StatusError struct {
	Status int
	detail string
}

// Error names the status, and where a redirect leads.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered HTTP status %d%s; is the endpoint that of a KMS?", e.Status, e.detail)
}

// AnswerError is an answer of success that cannot be read: too large, cut short, or not the operation's.
type AnswerError struct{ reason string }

// Error is the reason.
func (e *AnswerError) Error() string { return "read the answer: " + e.reason }
