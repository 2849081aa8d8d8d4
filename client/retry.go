package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/keyhold/keyhold/kms/api"
)

// persist attempts a call until it succeeds, cannot, or may not be repeated.
func (c *Client) persist(ctx context.Context, k *call, out any) error {
	corrected, uncertain, most := false, false, c.config.Retry.Attempts
	for attempts := 1; ; attempts++ {
		f := c.attempt(ctx, k, out)
		if f == nil {
			return nil
		}
		uncertain = uncertain || k.repeat != look && (f.verdict == unknown || f.verdict == lost)
		if !corrected && f.skew != nil && c.correct(f) {
			corrected = true
			most++ // that a clock is wrong is no failure of the server
			continue
		}
		if attempts >= most || !k.repeatable(f.verdict) || ctx.Err() != nil || !c.pause(ctx, attempts, f) {
			return &Error{Operation: k.name, Status: f.status, RequestID: f.requestID, Attempts: attempts, Uncertain: uncertain, Err: f.err}
		}
	}
}

// repeatable tells whether a call may be attempted again after one that failed.
func (k *call) repeatable(v verdict) bool { return v == refused || v == unknown && k.repeat != once }

// pause waits before the attempt after the given number of them. When ctx ends first, it adds that to the cause.
func (c *Client) pause(ctx context.Context, attempts int, f *failure) bool {
	timer := time.NewTimer(c.config.Retry.delay(attempts))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		f.err = fmt.Errorf("%w while waiting to repeat it after: %w", ctx.Err(), f.err)
		return false
	}
}

// delay is between nothing and FirstDelay doubled with every attempt, at most MaxDelay (AWS Architecture Blog,
// "Exponential Backoff And Jitter", full jitter): clients that failed together do not come back together.
func (r Retry) delay(attempts int) time.Duration {
	most := r.MaxDelay
	if doublings := attempts - 1; doublings < 32 && r.FirstDelay<<doublings>>doublings == r.FirstDelay {
		most = min(most, r.FirstDelay<<doublings)
	}
	return rand.N(most + 1)
}

const (
	// minSkew is less than any server allows.
	minSkew = time.Minute
	// maxSkew bounds what is corrected for: who pretends to be the server must not get requests signed for years ahead.
	maxSkew = 24 * time.Hour
)

// skew is by how much the server's clock is ahead of the one that a request was signed by.
type skew struct{ ahead time.Duration }

// skewOf compares the clocks when a server refused a signature. It does not tell an old signature from a wrong one by the
// text, but by the difference.
func skewOf(f *failure, date string, signed time.Time) *skew {
	var e *api.Error
	if !errors.As(f.err, &e) || e.Name != api.InvalidSignatureException && e.Name != api.RequestExpired {
		return nil
	}
	at, err := http.ParseTime(date)
	if err != nil {
		return nil
	}
	if ahead := at.Sub(signed); ahead.Abs() >= minSkew {
		return &skew{ahead}
	}
	return nil
}

// correct adds a difference to the clock, for all calls from now on, or says that it is too great.
func (c *Client) correct(f *failure) bool {
	ahead := c.ahead.Load() + int64(f.skew.ahead)
	if time.Duration(ahead).Abs() > maxSkew {
		f.err = fmt.Errorf("%w; this computer's clock and the server's are %s apart: set them", f.err, time.Duration(ahead).Abs().Truncate(time.Second))
		return false
	}
	c.ahead.Store(ahead)
	return true
}
