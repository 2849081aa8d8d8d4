package faultp11

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Logins is how often C_Login was called, and how often the real token accepted.
func (c *Control) Logins() (attempts, accepted uint64) {
	return c.Calls(Login), c.page.loggedIn.Load()
}

// Initialised is how often C_Initialize succeeded.
func (c *Control) Initialised() uint64 { return c.page.initialised.Load() }

// Finalised is how often C_Finalize succeeded.
func (c *Control) Finalised() uint64 { return c.page.finalised.Load() }

// InFlight is how many calls are in the module now, hung ones included.
func (c *Control) InFlight() uint64 { return c.page.inFlight.Load() }

// Sessions is how many sessions are open now, as far as any call has noticed.
func (c *Control) Sessions() uint64 { return c.page.sessions.Load() }

// Hung is how many calls hang now, and how many have ever hung.
func (c *Control) Hung() (now, ever uint64) { return c.page.hung.Load(), c.page.hungEver.Load() }

// AwaitHung waits until at least n calls hang.
func (c *Control) AwaitHung(ctx context.Context, n uint64) error {
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for {
		now, _ := c.Hung()
		if now >= n {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d hung calls, of which there are %d: %w", n, now, ctx.Err())
		}
	}
}

// Misuse is what the application did that crashes real modules. The shim survives it, by having such calls wait for each
// other; a test should want both to be 0.
type Misuse struct {
	// FinalizedInUse counts calls of C_Finalize while another call was in the module.
	FinalizedInUse uint64
	// SharedSessions counts calls with a session that was in another call, and of C_CloseAllSessions under such calls.
	SharedSessions uint64
}

// Misuse is what was seen so far.
func (c *Control) Misuse() Misuse {
	return Misuse{c.page.finalisedInUse.Load(), c.page.sharedSessions.Load()}
}

// TraceEntry is one call that has ended.
type TraceEntry struct {
	Seq      uint64 // 1 for the first one
	Function Function
	RV       uint
	Session  uint // 0 where the call is about none

	Injected  bool // refused by a fault
	Hung      bool
	Delayed   bool
	LostReply bool
}

func (e TraceEntry) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", e.Seq, e.Function)
	if e.Session != 0 {
		fmt.Fprintf(&b, " session %d", e.Session)
	}
	fmt.Fprintf(&b, " = 0x%X", e.RV)
	for _, mark := range []struct {
		set  bool
		name string
	}{{e.Injected, "injected"}, {e.Hung, "hung"}, {e.Delayed, "delayed"}, {e.LostReply, "lost reply"}} {
		if mark.set {
			b.WriteString(", " + mark.name)
		}
	}
	return b.String()
}

// The bits of record.what from bit 8.
const (
	traceInjected = 1 << iota
	traceHung
	traceDelayed
	traceLostReply
)

// Trace is the last calls, 512 at most, oldest first. Those that end while it is read may be missing.
func (c *Control) Trace() []TraceEntry {
	var entries []TraceEntry
	for i := range c.page.trace {
		if e, ok := c.page.trace[i].read(); ok {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b TraceEntry) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	return entries
}

// read answers false for an entry that does not exist or changes meanwhile.
func (r *record) read() (TraceEntry, bool) {
	seq := r.seq.Load()
	what, rv, session := r.what.Load(), r.rv.Load(), r.session.Load()
	if seq == 0 || r.seq.Load() != seq {
		return TraceEntry{}, false
	}
	bits := what >> 8
	return TraceEntry{
		Seq: seq, Function: Function(what & 0xFF), RV: uint(rv), Session: uint(session),
		Injected: bits&traceInjected != 0, Hung: bits&traceHung != 0,
		Delayed: bits&traceDelayed != 0, LostReply: bits&traceLostReply != 0,
	}, true
}
