package kms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
)

func TestEveryFailureHasOneAnswerAndItsCauseStaysWithTheOperator(t *testing.T) {
	tampered := &TamperError{Row: "table keys, id k", Reason: "it was changed"}
	cases := []struct {
		name      string
		err       error
		answer    string
		says      string
		retryable bool
		unlogged  bool
	}{
		{"an error of AWS stays what it is", api.InvalidKeyID("x"), api.NotFoundException, "Invalid keyId 'x'", false, true},
		{"an error of AWS inside others", fmt.Errorf("renew: %w", errors.Join(errors.New("secret"), api.LimitExceeded("full"))), api.LimitExceededException, "full", false, true},
		{"refused data", device.ErrInvalidData, api.InvalidCiphertextException, "", false, false},
		{"no session", device.ErrBusy, api.ThrottlingException, "", true, false},
		{"no room", device.ErrCapacity, api.LimitExceededException, "no room for another key", false, false},
		{"no token", device.ErrUnavailable, api.KeyUnavailableException, "tried again", true, false},
		{"no login", device.ErrLogin, api.KeyUnavailableException, "tried again", true, false},
		{"no object", device.ErrKeyNotFound, api.KeyUnavailableException, "keyhold doctor", true, false},
		{"no trust", device.ErrUntrusted, api.KeyUnavailableException, "keyhold doctor", true, false},
		{"no support", device.ErrUnsupported, api.KeyUnavailableException, "does not support", true, false},
		{"a closed key", &closedError{arn: "arn:x", cause: tampered}, api.KMSInvalidStateException, "arn:x is unavailable: its stored record was changed outside Keyhold (table keys, id k). Run keyhold doctor.", false, false},
		{"a closed key whose row the token would not check", closedBy(device.ErrUnavailable, "arn:x"), api.KeyUnavailableException, "tried again", true, false},
		{"tampering that is nobody's key", tampered, api.KMSInternalException, "An internal error occurred", true, false},
		{"a key that never stands still", errStale, api.DependencyTimeoutException, "", true, false},
		{"a deadline", context.DeadlineExceeded, api.DependencyTimeoutException, "", true, false},
		{"a caller who went away", context.Canceled, api.DependencyTimeoutException, "", true, false},
		{"anything else", errors.New("secret path"), api.KMSInternalException, "An internal error occurred", true, false},
		{"a conflict that no restart mends", ErrConflict, api.KMSInternalException, "An internal error occurred", true, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var text strings.Builder
			s := &Service{log: slog.New(slog.NewTextHandler(&text, nil))}
			c := &Call{operation: "Encrypt", request: "r-1"}
			err := fmt.Errorf("do something: %w", tc.err)
			got := s.wireError(t.Context(), c, err)
			if got == nil || got.Name != tc.answer || !strings.Contains(got.Message, tc.says) || got.Retryable() != tc.retryable {
				t.Fatalf("got %+v, want %s %q, retryable: %v", got, tc.answer, tc.says, tc.retryable)
			}
			if strings.Contains(got.Message, "secret") || strings.Contains(got.Message, "do something") {
				t.Errorf("the caller is told %q", got.Message)
			}
			if told := strings.Contains(text.String(), "request=r-1") && strings.Contains(text.String(), "do something"); told == tc.unlogged {
				t.Errorf("the operator is told %q", text.String())
			}
		})
	}
	if err := (&Service{}).wireError(t.Context(), &Call{}, nil); err != nil {
		t.Errorf("no error is %v", err)
	}
}

// Every class of package device must have its answer: a new one must not become an internal error unseen.
func TestEveryClassOfDeviceErrorsHasAnAnswer(t *testing.T) {
	for _, class := range []error{
		device.ErrInvalidData, device.ErrKeyNotFound, device.ErrUnavailable, device.ErrBusy, device.ErrCapacity, device.ErrLogin,
		device.ErrUntrusted, device.ErrUnsupported,
	} {
		n := 0
		for _, m := range deviceErrors {
			if errors.Is(class, m.class) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%v has %d answers", class, n)
		}
	}
}
