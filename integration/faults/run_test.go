package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/pulse"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

// result is what a cell came to. A child process prints it as JSON.
type result struct {
	Cell     string
	Problems []string
	Served   int
	Refused  int
	Refusals string // which operations
	Logins   uint64
	Lost     uint64 // calls that did not return in time
	// Back is from the end of the fault, or its beginning when nothing ends it, to the first answer after which all
	// kinds of requests are served, or to the last request that was refused, whichever is later.
	Back     time.Duration
	Slowest  time.Duration
	Trace    []string // the last calls, when there are problems
	Unbidden []string // errors of C_GenerateKey that no fault injected, as SoftHSM gives now and then
	HeldUp   bool     // what is the matter may be the machine's doing
	Earlier  []string // what came of it before it was run anew for that
}

// trial is a cell that is being run.
type trial struct {
	cell
	s        *site
	callers  *callers
	problems []error
	ended    time.Time
}

func (t *trial) problem(format string, args ...any) {
	t.problems = append(t.problems, fmt.Errorf(format, args...))
}

// run runs one cell on a site, and again when what is the matter may be the machine's doing.
func (c cell) run(ctx context.Context, s *site) result {
	var earlier []string
	for try, counted := 1, 0; ; try++ {
		beats := pulse.Begin()
		r, err := c.once(ctx, s)
		stood := beats.End()
		r.HeldUp = err != nil && onlyHeldUp(err, stood)
		if stood <= still {
			counted++
		}
		if !r.HeldUp || counted == tries || try == mostTries {
			r.Earlier = earlier
			return r
		}
		r.Trace = nil
		earlier = append(earlier, fmt.Sprintf("%v, while the machine stood still for %v at the longest", r, stood))
	}
}

// once opens a site, runs one cell on it and closes it.
func (c cell) once(ctx context.Context, s *site) (result, error) {
	t := &trial{cell: c, s: s}
	r := result{Cell: c.name()}
	err := s.with(ctx, func() error {
		defer s.Clear()
		t.fault(ctx, &r)
		return nil
	})
	if err != nil {
		t.problem("%w", err)
	}
	if m := s.Misuse(); m != (faultp11.Misuse{}) {
		t.problem("the module was misused: %+v", m)
	}
	for _, p := range t.problems {
		r.Problems = append(r.Problems, p.Error())
	}
	if len(r.Problems) > 0 {
		r.Trace = append(s.journal.read(), excerpt(s.Trace())...)
	}
	return r, errors.Join(t.problems...)
}

// excerpt leaves out what went well, but for the last calls.
func excerpt(trace []faultp11.TraceEntry) []string {
	var lines []string
	for i, e := range trace {
		if e.RV != 0 || e.Hung || e.Delayed || e.LostReply || i > len(trace)-10 {
			lines = append(lines, e.String())
		}
	}
	return lines[max(0, len(lines)-20):]
}

// fault lets it begin and end under the callers, waits until everything works, and looks at what it left.
func (t *trial) fault(ctx context.Context, r *result) {
	creators := 0
	if t.phase == creatingKeys {
		creators = callerCount
	}
	if t.phase != whileIdle {
		t.callers = t.s.call(ctx, creators)
		time.Sleep(100 * time.Millisecond)
	}
	watch := t.s.watchBirths()
	logins, _ := t.s.Logins()
	t.begin(t.s)
	t.ended = time.Now()
	t.mustBeMet()
	if t.phase == whileIdle {
		time.Sleep(deadline / 10)
		t.callers = t.s.call(ctx, creators)
	}
	if t.phase == whileRecovering {
		time.Sleep(5 * time.Millisecond)
		t.begin(t.s)
	}
	time.Sleep(t.during)
	if t.cell.end != nil {
		t.cell.end(t.s)
		t.ended = time.Now()
	}
	if t.refusal {
		t.mustWaitForTheOperator(ctx, logins)
		logins++ // the operator's
	}
	t.mustBeBack(ctx, r)
	t.callers.end()
	r.Unbidden = watch()
	t.judge(ctx, r, logins)
	if err := t.s.whole(ctx, t.callers.blobs, t.callers.created); err != nil {
		t.problem("%w", err)
	}
}

// watchBirths collects answers of C_GenerateKey until the function that it returns is called: when half of a key is left
// over, they tell whose fault that was.
func (s *site) watchBirths() (end func() []string) {
	var wg sync.WaitGroup
	stop := make(chan struct{})
	seen := map[uint64]string{}
	wg.Go(func() {
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for {
			select {
			case <-stop:
				return
			case <-poll.C:
			}
			for _, e := range s.Trace() {
				if e.Function == faultp11.GenerateKey && e.RV != 0 && !e.Injected && !e.LostReply {
					seen[e.Seq] = e.String()
				}
			}
		}
	})
	return func() []string {
		close(stop)
		wg.Wait()
		return slices.Sorted(maps.Values(seen))
	}
}

// mustBeMet waits until the fault has befallen a call: one that nobody meets proves nothing.
func (t *trial) mustBeMet() {
	if t.met == nil {
		return
	}
	if !comesTrue(time.Millisecond, func() bool { return t.met(t.s) }) {
		t.problem("nobody met the fault in %v", atLast)
	}
}

// comesTrue asks again and again, until it is so or atLast has passed.
func comesTrue(pause time.Duration, is func() bool) bool {
	for begun := time.Now(); !is(); time.Sleep(pause) {
		if time.Since(begun) > atLast {
			return false
		}
	}
	return true
}

// mustWaitForTheOperator: although the PIN would be taken again, nothing is tried until Token.Login.
func (t *trial) mustWaitForTheOperator(ctx context.Context, logins uint64) {
	time.Sleep(2 * deadline)
	if health := t.s.token.Status(ctx).Health; health != hsm.LoginRefused {
		t.late("the token is %s, before the operator's word", health)
	}
	if _, err := t.s.encrypt(ctx, t.s.keys[0], "x"); err == nil {
		t.problem("a request was served before the operator's word")
	}
	if now, _ := t.s.Logins(); now != logins+t.logins {
		t.needless("%d C_Login calls before the operator's word", now-logins)
	}
	t.ended = time.Now()
	if err := t.s.token.Login(ctx); err != nil {
		t.late("on the operator's word: %w", err)
	}
}

// mustBeBack waits until requests of every kind are served again, and a while longer.
func (t *trial) mustBeBack(ctx context.Context, r *result) {
	for round := 0; ; round++ {
		first, err := t.s.allWork(ctx, round)
		r.Back = time.Since(t.ended)
		var bad wrongAnswer
		switch {
		case err == nil:
			t.callers.keep(func() { t.callers.settled = time.Now() })
			time.Sleep(100 * time.Millisecond)
			// The making of a key takes its time on a busy machine, and so do 16 callers.
			t.callers.keep(func() { r.Back = max(first.Sub(t.ended), t.callers.last.Sub(t.ended)) })
			if r.Back > soonEnough {
				t.late("back only after %v", r.Back)
			}
			return
		case errors.As(err, &bad):
			t.problem("when asked whether it is back: %w", err)
			return
		case r.Back > 3*soonEnough:
			t.late("not back after %v: %w; %+v", r.Back, err, t.s.token.Status(ctx))
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// judge compares what the callers saw with what was stated.
func (t *trial) judge(ctx context.Context, r *result, logins uint64) {
	c := t.callers
	total, creations, text := c.refusals()
	now, _ := t.s.Logins()
	r.Lost = t.s.token.Status(ctx).Lost
	r.Served, r.Refused, r.Refusals, r.Logins, r.Slowest = c.served, total, text, now-logins, c.slowest
	for i, err := range c.wrong {
		if i < 5 {
			t.problem("a wrong answer: %w", err)
		}
	}
	if len(c.wrong) > 5 {
		t.problem("%d wrong answers in all", len(c.wrong))
	}
	if !t.expect.excuses(total, creations) {
		t.late("stated was %q, and %s failed; the first: %w", t.expect, text, c.first)
	}
	if c.late > 0 {
		t.late("%d requests failed after everything had worked again", c.late)
	}
	if r.Logins > t.logins {
		t.needless("%d C_Login calls, where %d is the most", r.Logins, t.logins)
	}
	if n := t.s.stuck.Load(); n > 0 {
		t.needless("a restart was asked for %d times", n)
	}
}

func (r result) String() string {
	line := fmt.Sprintf("%s: back after %v, %d served, %d refused (%s), %d logins, %d calls lost, slowest %v",
		r.Cell, r.Back.Round(time.Millisecond), r.Served, r.Refused, r.Refusals, r.Logins, r.Lost, r.Slowest.Round(time.Millisecond))
	if len(r.Problems) > 0 {
		line += "\n  " + strings.Join(r.Problems, "\n  ") + "\n    " + strings.Join(r.Trace, "\n    ")
	}
	for _, earlier := range r.Earlier {
		line += "\n  run anew after " + strings.ReplaceAll(earlier, "\n", "\n  ")
	}
	if len(r.Unbidden) > 0 {
		line += "\n  unbidden: " + strings.Join(r.Unbidden, "; ")
	}
	return line
}
