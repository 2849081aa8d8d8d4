package cli

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/health"
	"github.com/keyhold/keyhold/internal/metrics"
)

const (
	// reconcileEvery is how often what a failure left open is looked for when the token was there all the time.
	reconcileEvery = 10 * time.Minute
	// outboxEvery is how often it is asked whether the audit log is behind, and patience how long it may be before the
	// server moves the events by itself: usually the change that made them does.
	outboxEvery    = 5 * time.Second
	outboxPatience = 5 * time.Second
	outboxCount    = 100 // events that are counted
)

// upkeep is what a server does without being asked, on a session that it does not own.
type upkeep struct {
	s        *session
	log      *slog.Logger
	now      func() time.Time
	returned chan struct{} // the token is back

	mu     sync.Mutex
	absent bool       // the token's last proof failed
	status hsm.Status // as of that proof
	behind time.Time  // since when events wait; zero: none do
	events int
}

func newUpkeep(s *session) *upkeep {
	return &upkeep{s: s, log: s.log, now: s.now, returned: make(chan struct{}, 1)}
}

// checks are the parts of readiness, of a session that will be open.
func (u *upkeep) checks() []health.Check {
	return []health.Check{
		{Name: "token", Run: u.proveToken},
		{Name: "store", Run: func(ctx context.Context) error { return u.s.store.CheckWrite(ctx) }},
		{Name: "audit", Run: func(context.Context) error { return u.s.audit.CheckWrite() }},
	}
}

// proveToken asks the token whether it is alive and has the directory's keys.
func (u *upkeep) proveToken(ctx context.Context) error {
	status := u.s.token.Status(ctx)
	var err error
	if !status.Health.Serves() {
		err = fmt.Errorf("the token is %s: %s", status.Health, status.Reason)
	} else {
		err = u.s.service.ProveAlive(ctx)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status = status
	if u.absent && err == nil {
		select {
		case u.returned <- struct{}{}:
		default:
		}
	}
	u.absent = err != nil
	return err
}

// token is the token's status as of its last proof.
func (u *upkeep) token() hsm.Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.status
}

// healths are the states of a token.
var healths = []string{string(hsm.Healthy), string(hsm.Degraded), string(hsm.Recovering), string(hsm.LoginRefused), string(hsm.Stuck), string(hsm.Down)}

// metered is the token's status as metrics have it.
func (u *upkeep) metered() metrics.Token {
	st := u.token()
	return metrics.Token{
		Health: string(st.Health), Epoch: st.Epoch, Logins: st.Logins, Reopens: st.Reopens, Reinitialisations: st.Reinitialisations,
		Discarded: st.Discarded, Lost: st.Lost, Refinds: st.Refinds, ClosedKeys: st.ClosedKeys, Sessions: st.Pool.Limit,
		InUse: st.Pool.InUse, Waiting: st.Pool.Waiting, Hanging: st.Pool.Lost, HangingAtMost: st.Pool.Stuck,
	}
}

func (u *upkeep) outbox() metrics.Outbox {
	u.mu.Lock()
	defer u.mu.Unlock()
	o := metrics.Outbox{Events: u.events}
	if !u.behind.IsZero() {
		o.Lag = max(u.now().Sub(u.behind), 0).Seconds()
	}
	return o
}

// run does the chores until ctx ends.
func (u *upkeep) run(ctx context.Context) {
	reconcile, outbox := time.NewTicker(reconcileEvery), time.NewTicker(outboxEvery)
	defer reconcile.Stop()
	defer outbox.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-reconcile.C:
			u.reconcile(ctx)
		case <-u.returned:
			u.log.InfoContext(ctx, "the token is back")
			u.reconcile(ctx)
			u.lookAtOutbox(ctx)
		case <-outbox.C:
			u.lookAtOutbox(ctx)
		}
	}
}

// reconcile closes what a failure left open.
func (u *upkeep) reconcile(ctx context.Context) {
	r, err := u.s.service.Reconcile(ctx)
	if err != nil && ctx.Err() == nil {
		u.log.WarnContext(ctx, "what a failure left open is not settled yet", "error", err)
	}
	if n := len(r.Settled) + len(r.Removed); n > 0 {
		u.log.InfoContext(ctx, "settled what a failure left open", "births", len(r.Settled), "debris", len(r.Removed))
	}
}

// lookAtOutbox finds out how far the audit log is behind, and helps it when that lasts.
func (u *upkeep) lookAtOutbox(ctx context.Context) {
	events, err := u.s.store.Outbox(ctx, outboxCount)
	if err != nil {
		return // readiness says it
	}
	if u.count(len(events)) < outboxPatience {
		return
	}
	if err := u.s.service.Deliver(ctx); err != nil {
		u.log.WarnContext(ctx, "the audit log is behind", "events", len(events), "error", err)
	}
}

// count remembers how many events wait and answers since when there have been any.
func (u *upkeep) count(events int) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.events = events
	if events == 0 {
		u.behind = time.Time{}
		return 0
	}
	if u.behind.IsZero() {
		u.behind = u.now()
	}
	return u.now().Sub(u.behind)
}
