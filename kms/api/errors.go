// Package api is the wire vocabulary of the AWS KMS API: one struct per shape with its validation, the error table, and
// the JSON form of both. It follows the AWS KMS API reference, version 2014-11-01; texts of errors are those that AWS
// sends, because clients match on them.
package api

import (
	"errors"
)

// Fault says whose fault an error is.
type Fault int

// The faults.
const (
	FaultClient Fault = iota + 1 // the request cannot succeed as it is
	FaultServer                  // the service failed
)

// String is the fault in lower case, as metrics label it.
func (f Fault) String() string {
	if f == FaultClient {
		return "client"
	}
	return "server"
}

// Error is an error that a caller can act on, as the wire carries it. Anything else becomes KMSInternalException.
type Error struct {
	// Name is the shape's name, the wire's __type, such as NotFoundException.
	Name string
	// Message is the text. Empty means that AWS sends none for this case, and the member is left out.
	Message string
}

// Error is the name, and the message if there is one.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Name
	}
	return e.Name + ": " + e.Message
}

// Is matches an *Error of the same name when target has no message, else of the same name and message.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Name == e.Name && (t.Message == "" || t.Message == e.Message)
}

// Status is the HTTP status on the wire: 400 for every modelled client error and 500 for the three server errors,
// whatever the model's httpError trait says, because that is what the service sends.
func (e *Error) Status() int { return e.row().status }

// Fault says whether the client or the server is at fault.
func (e *Error) Fault() Fault {
	if e.row().status >= serverError {
		return FaultServer
	}
	return FaultClient
}

// Retryable tells whether the same request may succeed a little later.
func (e *Error) Retryable() bool { return e.row().retryable }

// Body is the JSON body of the reply: {"__type":"…","message":"…"}, without message when there is none.
func (e *Error) Body() []byte {
	w := writer{}
	w.raw(`{"__type":`)
	w.text(e.Name)
	if e.Message != "" {
		w.raw(`,"message":`)
		w.text(e.Message)
	}
	w.raw(`}`)
	return w.buf
}

// row finds the error in the table. A name outside the table is a defect of the server, and is answered as one.
func (e *Error) row() errorRow {
	if row, ok := errorTable[e.Name]; ok {
		return row
	}
	return errorTable[KMSInternalException]
}

func say(name, message string) *Error { return &Error{Name: name, Message: message} }
