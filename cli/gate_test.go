package cli

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/httpapi"
)

// frozen is a clock by which no rate recovers.
func frozen() time.Time { return time.Unix(0, 0) }

func isThrottled(err error) bool {
	var wire *api.Error
	return errors.As(err, &wire) && wire.Name == api.ThrottlingException
}

// Whoever assumes a role may call its sessions what it likes: that must not give it more.
func TestTheSessionsOfARoleShareItsRate(t *testing.T) {
	g, err := newGate(4, configs.Rates{Principal: 1}, nil, frozen)
	if err != nil {
		t.Fatal(err)
	}
	for _, principal := range []string{"AROAX:first", "AIDAY"} {
		if _, err := g.Enter(t.Context(), httpapi.Ticket{Account: "1", Principal: principal, Effect: kms.Use}); err != nil {
			t.Errorf("%s: %v", principal, err)
		}
	}
	for _, principal := range []string{"AROAX:first", "AROAX:second", "AIDAY"} {
		if _, err := g.Enter(t.Context(), httpapi.Ticket{Account: "1", Principal: principal, Effect: kms.Use}); !isThrottled(err) {
			t.Errorf("%s: %v", principal, err)
		}
	}
}

// What only looks at rows comes in however busy the token is.
func TestReadsDoNotWaitForTheToken(t *testing.T) {
	g, err := newGate(1, configs.Rates{}, nil, frozen)
	if err != nil {
		t.Fatal(err)
	}
	for range perSession {
		if _, err := g.Enter(t.Context(), httpapi.Ticket{Account: "1", Principal: "AIDAX", Effect: kms.Use}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.Enter(t.Context(), httpapi.Ticket{Account: "1", Principal: "AIDAX", Effect: kms.Read}); err != nil {
		t.Errorf("a read: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := g.Enter(ctx, httpapi.Ticket{Account: "1", Principal: "AIDAX", Effect: kms.Mutate}); !errors.Is(err, context.DeadlineExceeded) && !isThrottled(err) {
		t.Errorf("a change, which has to wait: %v", err)
	}
	if _, err := g.Enter(t.Context(), httpapi.Ticket{Account: "1", Principal: "AIDAX", Effect: kms.Use}); !isThrottled(err) {
		t.Errorf("a use that waited for a second: %v", err)
	}
}
