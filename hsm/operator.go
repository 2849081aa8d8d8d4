package hsm

import (
	"context"
	"fmt"
)

// Login is the operator's word that the PIN is right now. It tries once, if nobody is logged in; refused again, the
// error is device.ErrLogin and nothing is tried until the next Login.
func (t *Token) Login(ctx context.Context) error {
	return t.command(ctx, order{login: true})
}

// Reinitialise finalises and initialises the module and begins anew, with a self-test. Every other token of the module
// loses its sessions and has to recover. While calls inside the module do not return nothing is done, and the error is
// device.ErrUnavailable.
func (t *Token) Reinitialise(ctx context.Context) error {
	return t.command(ctx, order{reinit: true})
}

// command carries out an order after whatever climb runs now.
func (t *Token) command(ctx context.Context, o order) error {
	for {
		c, err := t.joinClimb(t.epoch.Load(), o)
		if err != nil {
			return err
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			return fmt.Errorf("the recovery goes on without its caller: %w", leftEarly(ctx.Err()))
		}
		if c.order == o {
			return firstOf(c.answer, c.err)
		}
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
