// Package health answers whether the process lives and whether it can do its work. What it takes to know that is found
// out in the background: who asks neither waits nor makes work.
package health

import (
	"context"
	"errors"
	"sync"
	"time"
)

// The defaults of a Config.
const (
	defaultEvery  = 2 * time.Second
	defaultMaxAge = 5 * time.Second
)

// Check is one thing that must be so for the process to be ready.
type Check struct {
	// Name is one word, as in "token".
	Name string
	// Run finds out; its error says what is wrong, to operators. It ends some time after its context.
	Run func(ctx context.Context) error
}

// Config is what a Monitor is made of. Checks, with different names, and Now are required.
type Config struct {
	Checks []Check
	// Every is the pause between two runs of a check. 0: 2 seconds.
	Every time.Duration
	// MaxAge is how old a success may be. It is less than what a check that hangs takes to be noticed otherwise. 0: 5
	// seconds.
	MaxAge time.Duration
	// Now is the clock.
	Now func() time.Time
}

// Monitor runs checks and remembers how they came out. It is safe for concurrent use.
type Monitor struct {
	config Config

	mu      sync.Mutex
	ending  string
	results []result // one for each check
}

// result is how a check came out when it last ended.
type result struct {
	at  time.Time // zero: it has not ended yet
	err error
}

// New makes a Monitor, which is not ready before its checks have run. It refuses a Config without checks or clock.
func New(c Config) (*Monitor, error) {
	if len(c.Checks) == 0 || c.Now == nil {
		return nil, errors.New("watch the process: it takes checks and a clock")
	}
	if c.Every == 0 {
		c.Every = defaultEvery
	}
	if c.MaxAge == 0 {
		c.MaxAge = defaultMaxAge
	}
	return &Monitor{config: c, results: make([]result, len(c.Checks))}, nil
}

// Run runs the checks, each by itself so that one that hangs holds up no other, until ctx ends, and waits for them.
func (m *Monitor) Run(ctx context.Context) {
	var all sync.WaitGroup
	for i := range m.config.Checks {
		all.Go(func() { m.repeat(ctx, i) })
	}
	all.Wait()
}

func (m *Monitor) repeat(ctx context.Context, i int) {
	tick := time.NewTicker(m.config.Every)
	defer tick.Stop()
	for {
		m.once(ctx, i)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (m *Monitor) once(ctx context.Context, i int) {
	err := m.config.Checks[i].Run(ctx)
	if ctx.Err() != nil {
		return // it was cut short, which says nothing
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results[i] = result{m.config.Now(), err}
}

// End makes the process not ready from now on, whatever the checks find: it takes no new work. why is for people.
func (m *Monitor) End(why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ending = why
}

// Finding is how one check stands.
type Finding struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Age is how many seconds ago the check last ended; negative: it has not yet.
	Age float64 `json:"ageSeconds"`
	// Reason says what is wrong; "" when nothing is.
	Reason string `json:"reason,omitempty"`
}

// Report is how the process stands. Findings are in the order of Config.Checks.
type Report struct {
	Ready    bool      `json:"ready"`
	Reason   string    `json:"reason,omitempty"` // of a process that is about to end
	Findings []Finding `json:"checks"`
}

// Report tells how the process stands at this moment.
func (m *Monitor) Report() Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := Report{Ready: m.ending == "", Reason: m.ending}
	now := m.config.Now()
	for i, last := range m.results {
		f := m.finding(m.config.Checks[i].Name, last, now)
		r.Ready = r.Ready && f.OK
		r.Findings = append(r.Findings, f)
	}
	return r
}

func (m *Monitor) finding(name string, last result, now time.Time) Finding {
	if last.at.IsZero() {
		return Finding{Name: name, Age: -1, Reason: "it has not been looked at yet"}
	}
	age := max(now.Sub(last.at), 0)
	f := Finding{Name: name, OK: last.err == nil && age <= m.config.MaxAge, Age: age.Seconds()}
	switch {
	case last.err != nil:
		f.Reason = last.err.Error()
	case !f.OK:
		f.Reason = "the last look has not ended in " + m.config.MaxAge.String()
	}
	return f
}
