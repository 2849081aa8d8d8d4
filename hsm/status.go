package hsm

import (
	"context"
	"sync/atomic"
	"time"
)

// counts are of everything since Open.
type counts struct {
	logins, failedLogins, reopens, reinitialisations, discarded, lost, refinds atomic.Uint64
}

// Proof is the last proof of life of the anchor session and a session key.
type Proof struct {
	At      time.Time `json:"at"` // zero: none yet
	OK      bool      `json:"ok"`
	Problem string    `json:"problem,omitempty"`
}

func proofOf(now time.Time, err error) Proof {
	p := Proof{At: now, OK: err == nil}
	if err != nil {
		p.Problem = err.Error()
	}
	return p
}

// Status is a snapshot for operators.
type Status struct {
	Token        string `json:"token"`
	Serial       string `json:"serial"`
	Manufacturer string `json:"manufacturer"`
	Model        string `json:"model"`
	Profile      string `json:"profile"`

	Health      Health    `json:"health"`
	Reason      string    `json:"reason,omitempty"` // why it is not healthy
	Since       time.Time `json:"since"`
	NextAttempt time.Time `json:"nextAttempt,omitzero"` // at recovery; zero: none is needed, or only an operator can
	LastProof   Proof     `json:"lastProof"`

	Epoch             uint64     `json:"epoch"`             // logins and reopenings that succeeded
	Logins            uint64     `json:"logins"`            // C_Login calls
	Reopens           uint64     `json:"reopens"`           // new anchors after the first
	Reinitialisations uint64     `json:"reinitialisations"` // of the module, by this token
	Discarded         uint64     `json:"discarded"`         // sessions closed because of an error
	Lost              uint64     `json:"lost"`              // calls that did not return in time, ever
	Refinds           uint64     `json:"refinds"`           // handles that had become stale
	Handles           int        `json:"handles"`           // object handles that are remembered
	ClosedKeys        int        `json:"closedKeys"`        // keys closed for encryption because of a bad IV
	Pool              PoolStatus `json:"pool"`
}

// Status asks a token that serves whether it is alive, which heals it if need be, and tells the counts. It never waits
// for one that is down.
func (t *Token) Status(ctx context.Context) Status {
	err := t.attempt(ctx, func(e *epoch) error {
		return t.once(ctx, use{epoch: e, calls: 2, run: func(s *session) error { return t.proveAlive(s, e) }})
	})
	st := Status{
		Token: t.info.Label, Serial: t.info.SerialNumber, Manufacturer: t.info.ManufacturerID, Model: t.info.Model,
		Profile: t.prof.name, ClosedKeys: t.ivs.closedKeys(), Pool: t.pool.status(),
		Logins: t.counts.logins.Load(), Reopens: max(t.counts.reopens.Load(), 1) - 1, Reinitialisations: t.counts.reinitialisations.Load(),
		Discarded: t.counts.discarded.Load(), Lost: t.counts.lost.Load(), Refinds: t.counts.refinds.Load(),
	}
	if e := t.epoch.Load(); e != nil {
		st.Epoch, st.Handles = e.number, e.handles.count()
	}
	t.ladder.tell(&st, t.cfg.Now(), err)
	return st
}

// tell fills in the health. asked is what the token just answered.
func (l *ladder) tell(st *Status, now time.Time, asked error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st.Health, st.Since, st.LastProof = l.health, l.since, l.proof
	var why error
	switch {
	case st.Pool.Lost >= st.Pool.Stuck:
		st.Health, why = Stuck, asked
	case !l.health.Serves():
		why = l.why
		if l.health != LoginRefused {
			st.NextAttempt = l.next
		}
	case asked != nil:
		st.Health, why = Degraded, asked
	case st.Pool.Lost > 0:
		st.Health, st.Reason = Degraded, "calls of the token have not returned"
	case l.suspect != nil && now.Sub(l.suspectAt) < suspectFor:
		st.Health, why = Degraded, l.suspect
	}
	if why != nil {
		st.Reason = why.Error()
	}
}
