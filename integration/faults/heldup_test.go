package faults

import (
	"errors"
	"fmt"
	"time"
)

// tries is how often a cell or a story is run before what a machine that was held up may cause is believed to be Keyhold's
// fault: with calls that may take a second, a machine that stands still for that long loses calls that nothing befell.
// Those in which it is seen to have stood still do not count; but there are mostTries at the most.
const (
	tries     = 3
	mostTries = 10
	still     = deadline / 4
)

// exitHeldUp is how a child ends whose story found only that.
const exitHeldUp = 3

// heldUp is what a machine that was held up may cause: a refusal, an answer that was late, and, where it is seen to have
// stood still, a C_Login too many. A wrong answer, something that was lost or something left over is none.
type heldUp struct {
	error
	seen bool // it is believed only of a machine that is seen to have stood still
}

// Unwrap lets errors.Is and errors.As see the error itself.
func (h heldUp) Unwrap() error { return h.error }

// excused marks a refusal that a client would try again, where there was no fault any more.
func excused(err error) error {
	var bad wrongAnswer
	if err == nil || errors.As(err, &bad) || !mayBeTriedAgain(err) {
		return err
	}
	return heldUp{error: err}
}

// onlyHeldUp tells whether nothing else is the matter, where the machine stood still for so long: of errors that were joined
// each must be.
func onlyHeldUp(err error, stood time.Duration) bool {
	switch e := any(err).(type) {
	case heldUp:
		return !e.seen || stood > still
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			if !onlyHeldUp(one, stood) {
				return false
			}
		}
		return true
	case interface{ Unwrap() error }:
		return onlyHeldUp(e.Unwrap(), stood)
	}
	return err == nil
}

// late is a problem that a machine that was held up may cause.
func (t *trial) late(format string, args ...any) {
	t.problems = append(t.problems, heldUp{error: fmt.Errorf(format, args...)})
}

// needless is a problem that only a machine that stood still may cause.
func (t *trial) needless(format string, args ...any) {
	t.problems = append(t.problems, heldUp{error: fmt.Errorf(format, args...), seen: true})
}
