package faults

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

// stories are the children that run no cells.
var stories = map[string]func(context.Context, *device) error{
	"functions": usedFunctions, "two tokens": twoTokens, "stuck": stuckForGood,
}

// knownGaps are the cells that do not hold what is stated for them, with the reason.
var knownGaps = map[string]string{}

func inChild(t *testing.T, story string) {
	t.Helper()
	for try := 1; ; try++ {
		err := spawn(t.Context(), story, func(result) {})
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == exitHeldUp && try < tries {
			t.Logf("run anew after %v", err)
			continue
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
}

// inspect is the operator's: every row, every canary, no leftovers.
func (s *site) inspect(ctx context.Context) error {
	return s.service.Inspect(ctx, func(f kms.Finding) error {
		if !f.OK {
			return fmt.Errorf("%s: %s%w", f.Subject, f.Detail, s.halfMade(ctx))
		}
		return nil
	})
}

// halfMade describes the debris.
func (s *site) halfMade(ctx context.Context) error {
	objects, err := s.token.Inventory(ctx)
	errs := []error{err}
	for _, o := range objects {
		if o.HalfMade() {
			errs = append(errs, fmt.Errorf("; half made: %+v", o))
		}
	}
	return errors.Join(errs...)
}

// neverFailed are called only at the start of a process, before there is a request that could fail.
var neverFailed = []faultp11.Function{faultp11.GetFunctionList, faultp11.GetInfo, faultp11.GetMechanismList, faultp11.GetMechanismInfo, faultp11.GetSlotInfo}

// TestNoFunctionIsMissing compares the functions of the matrix with those that a run calls.
func TestNoFunctionIsMissing(t *testing.T) { inChild(t, "functions") }

func usedFunctions(ctx context.Context, d *device) error {
	s, err := newSite(ctx, d, "functions")
	if err != nil {
		return err
	}
	return s.with(ctx, func() error {
		d.ForgetCalls()
		c := s.call(ctx, 0)
		time.Sleep(300 * time.Millisecond)
		reboot(s)
		time.Sleep(300 * time.Millisecond)
		deadLibrary(s)
		time.Sleep(soonEnough / 2)
		var err error
		comesTrue(deadline, func() bool {
			_, err = s.allWork(ctx, 0)
			err = errors.Join(err, compareFunctions(d))
			return err == nil
		})
		c.end()
		return errors.Join(err, s.whole(ctx, c.blobs, c.created), compareFunctions(d))
	})
}

func compareFunctions(d *device) error {
	var errs []error
	for fn := faultp11.Initialize; fn < faultp11.AnyFunction; fn++ {
		inMatrix := slices.ContainsFunc(functions, func(f function) bool { return f.fn == fn })
		switch calls := d.Calls(fn); {
		case calls == 0 && inMatrix:
			errs = append(errs, fmt.Errorf("%s is in the matrix, and was not called", fn))
		case calls > 0 && !inMatrix && !slices.Contains(neverFailed, fn):
			errs = append(errs, fmt.Errorf("%s was called %d times, and is not in the matrix", fn, calls))
		}
	}
	return errors.Join(errs...)
}

// TestATokenTakenAwayLeavesTheOtherAlone pulls one of two tokens in one module out of its slot.
func TestATokenTakenAwayLeavesTheOtherAlone(t *testing.T) { inChild(t, "two tokens") }

func twoTokens(ctx context.Context, d *device) error {
	gone, err := newSite(ctx, d, "gone")
	if err != nil {
		return err
	}
	stays, err := newSite(ctx, d, "stays")
	if err != nil {
		return err
	}
	return gone.with(ctx, func() error {
		return stays.with(ctx, func() error { return takeOneAway(ctx, gone, stays) })
	})
}

func takeOneAway(ctx context.Context, gone, stays *site) error {
	ofGone, ofStays := gone.call(ctx, 0), stays.call(ctx, 0)
	time.Sleep(200 * time.Millisecond)
	logins, _ := gone.Logins()
	gone.slot.RemoveToken()
	time.Sleep(2 * time.Second)
	down := comesTrue(deadline/10, func() bool { return gone.token.Status(ctx).Health == hsm.Down })
	gone.slot.ReturnToken()
	t := &trial{s: gone, callers: ofGone, ended: time.Now()}
	t.mustBeBack(ctx, &result{})
	ofGone.end()
	ofStays.end()
	if !down {
		t.problem("the token that was taken away is not said to be down")
	}
	if total, _, text := ofStays.refusals(); total > 0 {
		t.late("the other token refused %s: %w", text, ofStays.first)
	}
	t.problems = append(t.problems, slices.Concat(ofGone.wrong, ofStays.wrong)...)
	if now, _ := gone.Logins(); now != logins+1 {
		t.needless("%d C_Login calls, where one is needed", now-logins)
	}
	if a, b := gone.token.Status(ctx), stays.token.Status(ctx); a.Reinitialisations+b.Reinitialisations != 0 || b.Logins != 1 {
		t.needless("taken away: %+v; the other: %+v", a, b)
	}
	if m := gone.Misuse(); m != (faultp11.Misuse{}) {
		t.problem("the module was misused: %+v", m)
	}
	t.problems = append(t.problems, gone.whole(ctx, ofGone.blobs, ofGone.created), stays.whole(ctx, ofStays.blobs, ofStays.created))
	return errors.Join(t.problems...)
}

// TestCallsThatNeverReturnAskForARestart hangs everything for good: what is lost stays bounded, requests fail at once,
// and the owner is told, once, that only a new process helps.
func TestCallsThatNeverReturnAskForARestart(t *testing.T) { inChild(t, "stuck") }

func stuckForGood(ctx context.Context, d *device) error {
	s, err := newSite(ctx, d, "stuck")
	if err != nil {
		return err
	}
	s.stuckLimit = 4
	return s.with(ctx, func() error {
		c := s.call(ctx, 0)
		time.Sleep(100 * time.Millisecond)
		s.Hang(faultp11.AnyFunction, 0)
		t := &trial{s: s, callers: c}
		if !comesTrue(time.Millisecond, func() bool { return s.stuck.Load() > 0 }) {
			t.problem("nobody was told within %v", atLast)
		}
		time.Sleep(2 * deadline)
		t.mustRefuseAtOnce(ctx)
		st := s.token.Status(ctx)
		// Those that were inside when the limit was reached, one for each session of the pool, and the two of the proof
		// and of the climb may be lost beyond it.
		if st.Health != hsm.Stuck || st.Pool.Lost > s.stuckLimit+st.Pool.Limit+2 || s.stuck.Load() != 1 {
			t.needless("the owner was told %d times; %+v", s.stuck.Load(), st)
		}
		d.Clear() // so that this process can end cleanly
		t.ended = time.Now()
		t.mustBeBack(ctx, &result{})
		c.end()
		t.problems = append(t.problems, slices.Concat(c.wrong, []error{s.whole(ctx, c.blobs, c.created)})...)
		return errors.Join(t.problems...)
	})
}

// mustRefuseAtOnce asks some times: a busy machine may hold up one answer, and a token that is waited for every one.
func (t *trial) mustRefuseAtOnce(ctx context.Context) {
	took := make([]time.Duration, 5)
	for i := range took {
		begun := time.Now()
		if _, err := t.s.encrypt(ctx, t.s.keys[0], "x"); err == nil {
			t.problem("a stuck token served a request")
		}
		took[i] = time.Since(begun)
	}
	if fastest := slices.Min(took); fastest > deadline/2 {
		t.late("a stuck token refused only after %v", fastest)
	}
}
