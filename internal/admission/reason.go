package admission

import "errors"

// ErrThrottled is what every Reason for which a Gate refuses a request is, by errors.Is.
var ErrThrottled = errors.New("throttled")

// Reason is why a request was not let in. It is an error.
type Reason int

// The reasons.
const (
	AccountRate   Reason = iota + 1 // the account is over its rate
	ClassRate                       // the account is over its rate for the class
	PrincipalRate                   // the principal is over its rate
	Crowded                         // the queue is full
	Expired                         // it waited as long as it may
	Abandoned                       // its context ended; the one that Enter never returns

	reasons = iota + 1
)

var reasonTexts = [reasons]struct{ label, text string }{
	AccountRate:   {"account-rate", "throttled: the account is over its rate"},
	ClassRate:     {"class-rate", "throttled: the account is over its rate for such operations"},
	PrincipalRate: {"principal-rate", "throttled: the principal is over its rate"},
	Crowded:       {"crowded", "throttled: the queue is full, and the principal's is the longest"},
	Expired:       {"expired", "throttled: its turn did not come in time"},
	Abandoned:     {"abandoned", "the caller has gone"},
}

// Error says the reason in words.
func (r Reason) Error() string { return reasonTexts[r].text }

// Label is the reason in one word, such as "account-rate", for metrics.
func (r Reason) Label() string { return reasonTexts[r].label }

// Is tells that every reason but Abandoned is ErrThrottled.
func (r Reason) Is(target error) bool { return target == ErrThrottled && r != Abandoned }
