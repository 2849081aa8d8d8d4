package kms

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/admission"
	"github.com/keyhold/keyhold/kms/api"
)

// SimulationsAtOnce is how many requests a Service simulates at a time: each is up to thousands of decisions, and they
// use no more of the processors than this. The others wait, principal by principal: SimulationWait is how long one waits
// for its turn, and SimulationTurn after how long WhoCan makes way for those of other principals.
const (
	SimulationsAtOnce = 2
	SimulationWait    = 5 * time.Second
	SimulationTurn    = 100 * time.Millisecond
)

// newSimulations is the line of those who simulate, whichever way they came to the service.
func newSimulations(now func() time.Time) (*admission.Gate, error) {
	return admission.New(admission.Config{Capacity: SimulationsAtOnce, Wait: SimulationWait, Now: now})
}

// turn is a request's place among those that are simulated.
type turn struct {
	service *Service
	whose   admission.Ticket
	until   time.Time
	done    func() // gives the place up, once
}

// turn waits until the request may be simulated. The caller calls done of what it returns at the end. The errors are
// Throttling, which is admission.ErrThrottled too, for who waited too long, and ctx's when that ended first.
func (c *Call) turn(ctx context.Context) (*turn, error) {
	principal, _, _ := strings.Cut(c.caller.PrincipalID, ":") // whoever assumes a role chooses the name of its session
	t := &turn{service: c.service, whose: admission.Ticket{Account: string(c.caller.Account), Principal: principal}}
	return t, t.take(ctx)
}

func (t *turn) take(ctx context.Context) error {
	done, err := t.service.simulations.Enter(ctx, t.whose)
	switch {
	case errors.Is(err, admission.ErrThrottled):
		return fmt.Errorf("%w: %w", api.Throttling(), err)
	case err != nil:
		return fmt.Errorf("wait for other simulations: %w", err)
	}
	t.done, t.until = done, t.service.Now().Add(SimulationTurn)
	return nil
}

// goOn makes way for others when the turn has lasted long enough, and waits for the next one. Errors as of Call.turn, after
// which there is no place any more.
func (t *turn) goOn(ctx context.Context) error {
	if err := ctx.Err(); err != nil || t.service.Now().Before(t.until) {
		return err
	}
	t.done()
	return t.take(ctx)
}
