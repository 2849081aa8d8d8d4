package kms

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
)

// closedError is the answer for a key or alias whose rows are not authentic.
type closedError struct {
	arn   string
	cause *TamperError
}

func (e *closedError) Error() string { return e.arn + " is closed: " + e.cause.Error() }
func (e *closedError) Unwrap() error { return e.cause }

const tokenUnavailable = "The token is not available. The request may succeed when it is tried again."

// keyUnavailable is retryable; its text says what an operator can do.
func keyUnavailable(message string) func() *api.Error {
	return func() *api.Error { return &api.Error{Name: api.KeyUnavailableException, Message: message} }
}

// deviceErrors maps the device's classes to what the wire says. What a client may retry is a 5xx or throttling.
var deviceErrors = []struct {
	class error
	wire  func() *api.Error
}{
	{device.ErrInvalidData, api.InvalidCiphertext},
	{device.ErrBusy, api.Throttling},
	{device.ErrCapacity, func() *api.Error {
		return api.LimitExceeded("The token has no room for another key. Delete keys that are no longer needed, or use a larger token.")
	}},
	{device.ErrUnavailable, keyUnavailable(tokenUnavailable)},
	{device.ErrLogin, keyUnavailable(tokenUnavailable)},
	{device.ErrKeyNotFound, keyUnavailable("The token does not hold the key material. Run keyhold doctor.")},
	{device.ErrUntrusted, keyUnavailable("The token failed a check that custody depends on. Run keyhold doctor.")},
	{device.ErrUnsupported, keyUnavailable("The token does not support this operation.")},
}

// wireError makes an error the wire's, once. What a caller cannot act on becomes KMSInternalException, and its cause
// goes to the log.
func (s *Service) wireError(ctx context.Context, c *Call, err error) *api.Error {
	return s.mapError(ctx, err, "a request failed", "operation", c.operation, "request", c.request)
}

// mapError is wireError with what the log shall say.
func (s *Service) mapError(ctx context.Context, err error, message string, attrs ...any) *api.Error {
	if err == nil {
		return nil
	}
	var wire *api.Error
	if errors.As(err, &wire) {
		return wire
	}
	s.log.ErrorContext(ctx, message, append(attrs, "error", err)...)
	var closed *closedError
	if errors.As(err, &closed) {
		return &api.Error{Name: api.KMSInvalidStateException, Message: fmt.Sprintf(
			"%s is unavailable: its stored record was changed outside Keyhold (%s). Run keyhold doctor.", closed.arn, closed.cause.Row)}
	}
	for _, m := range deviceErrors {
		if errors.Is(err, m.class) {
			return m.wire()
		}
	}
	if errors.Is(err, errStale) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return api.DependencyTimeout()
	}
	return api.Internal()
}

// decodeError is the answer for a body that does not decode. Members that the operation does not have are refused only
// where the caller asked for that.
func decodeError(err error) error {
	var unknown *api.UnknownMembersError
	if errors.As(err, &unknown) {
		return api.Validation(err.Error())
	}
	return err
}
