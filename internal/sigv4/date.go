package sigv4

import (
	"net/http"
	"time"
)

// requestTime is X-Amz-Date, or Date where that is absent (IAM User Guide, "Elements of an AWS API request signature").
func (f fields) requestTime() (time.Time, *Error) {
	if values := f[amzDateHeader]; len(values) > 0 {
		return parseISO(values[0])
	}
	values := f[dateHeader]
	if len(values) == 0 {
		return time.Time{}, errNoDate()
	}
	if at, err := time.Parse(http.TimeFormat, values[0]); err == nil {
		return at.UTC(), nil
	}
	return parseISO(values[0])
}

// parseISO checks the length as well, because time.Parse takes fractions of a second that the form does not have.
func parseISO(s string) (time.Time, *Error) {
	at, err := time.Parse(isoBasic, s)
	if err != nil || len(s) != len(isoBasic) {
		return time.Time{}, errDate()
	}
	return at, nil
}

// checkTime refuses a request made more than skew before or after now.
func checkTime(at, now time.Time, skew time.Duration) *Error {
	now = now.UTC().Truncate(time.Second)
	switch {
	case at.Before(now.Add(-skew)):
		return errExpired(at, now, skew)
	case at.After(now.Add(skew)):
		return errEarly(at, now, skew)
	}
	return nil
}
