package admission_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyhold/keyhold/internal/admission"
)

func newGate(t testing.TB, c admission.Config) *admission.Gate {
	t.Helper()
	if c.Now == nil {
		c.Now = time.Now
	}
	g, err := admission.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func of(principal string) admission.Ticket {
	return admission.Ticket{Account: "111122223333", Principal: principal, Class: admission.Symmetric}
}

func mustEnter(t testing.TB, g *admission.Gate, principal string) (leave func()) {
	t.Helper()
	leave, err := g.Enter(context.Background(), of(principal))
	if err != nil {
		t.Fatal(err)
	}
	return leave
}

// visit is one request in a goroutine of its own. What came of it can be read after synctest.Wait.
type visit struct {
	cancel   context.CancelFunc
	answered bool
	leave    func()
	err      error
	took     time.Duration
}

func enter(t *testing.T, g *admission.Gate, principal string) *visit {
	ctx, cancel := context.WithCancel(t.Context())
	v := &visit{cancel: cancel}
	began := time.Now()
	go func() {
		defer cancel()
		v.leave, v.err = g.Enter(ctx, of(principal))
		v.took, v.answered = time.Since(began), true
	}()
	synctest.Wait()
	return v
}

func TestPrincipalsTakeTurnsAndEachIsServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, admission.Config{Capacity: 1})
		leave := mustEnter(t, g, "root")
		order := make(chan string, 9)
		for _, name := range strings.Fields("a1 a2 a3 a4 a5 b1 b2 c1 b3") {
			go func() {
				leave, err := g.Enter(t.Context(), of(name[:1]))
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				order <- name
				leave()
			}()
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		close(order)
		var got []string
		for name := range order {
			got = append(got, name)
		}
		if want := strings.Fields("a1 b1 c1 a2 b2 a3 b3 a4 a5"); !slices.Equal(got, want) {
			t.Errorf("served %q, want %q", got, want)
		}
	})
}

func TestWhoWaitsTooLongGoesAwayAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, admission.Config{Capacity: 1, Wait: 300 * time.Millisecond})
		leave := mustEnter(t, g, "a")
		v := enter(t, g, "b")
		time.Sleep(200 * time.Millisecond)
		if s := g.Stats(); s.OldestWait != 200*time.Millisecond || s.Waiting != 1 || s.Principals != 1 {
			t.Errorf("after 200 ms: %+v", s)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !errors.Is(v.err, admission.ErrThrottled) || !errors.Is(v.err, admission.Expired) ||
			v.took != 300*time.Millisecond || v.leave != nil {
			t.Errorf("got %v after %v, want throttled, expired after 300 ms", v.err, v.took)
		}
		leave()
		mustEnter(t, g, "c")() // the place was not handed to the one who went
	})
}

func TestADefaultGateWaitsASecondInAQueueOfAThousand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, admission.Config{Capacity: 1})
		mustEnter(t, g, "a")
		var all []*visit
		for range 1025 {
			all = append(all, enter(t, g, "b"))
		}
		if s := g.Stats(); s.Waiting != 1024 {
			t.Errorf("%d wait, want 1,024", s.Waiting)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if v := all[0]; !errors.Is(v.err, admission.Expired) || v.took != time.Second {
			t.Errorf("got %v after %v, want expired after 1 s", v.err, v.took)
		}
		if v := all[1024]; !errors.Is(v.err, admission.Crowded) || v.took != 0 {
			t.Errorf("got %v after %v, want crowded at once", v.err, v.took)
		}
	})
}

func TestEachWaitIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			mu    sync.Mutex
			waits []time.Duration
		)
		told := func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, d)
		}
		g := newGate(t, admission.Config{Capacity: 1, Queue: 2, Waited: told,
			Rates: admission.Rates{Class: map[admission.Class]admission.Rate{admission.Management: {PerSecond: 0.001}}}})
		leave := mustEnter(t, g, "a")
		served, expired := enter(t, g, "b"), enter(t, g, "c")
		enter(t, g, "b") // one too many
		exempt := admission.Ticket{Account: "1", Principal: "d", Class: admission.Management, Exempt: true}
		for range 2 { // the second is over its rate
			_, _ = g.Enter(t.Context(), exempt)
		}
		time.Sleep(200 * time.Millisecond)
		leave()
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []time.Duration{0, 0, 200 * time.Millisecond, time.Second}; served.err != nil || expired.err == nil || !slices.Equal(waits, want) {
			t.Errorf("told of %v, want %v", waits, want)
		}
	})
}

func TestACallerWhoGoesLeavesTheQueueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, admission.Config{Capacity: 1})
		leave := mustEnter(t, g, "a")
		first, second := enter(t, g, "b"), enter(t, g, "b")
		first.cancel()
		synctest.Wait()
		if !errors.Is(first.err, context.Canceled) || errors.Is(first.err, admission.ErrThrottled) || first.took != 0 {
			t.Errorf("got %v after %v, want canceled at once", first.err, first.took)
		}
		if s := g.Stats(); s.Waiting != 1 || s.Refused[admission.Abandoned] != 1 {
			t.Errorf("%+v", s)
		}
		leave()
		synctest.Wait()
		if !second.answered || second.err != nil {
			t.Errorf("the one behind got %v", second.err)
		}
		second.leave()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Enter(gone, of("a")); !errors.Is(err, context.Canceled) {
			t.Errorf("who was gone before got %v", err)
		}
	})
}

func TestLeavingTwiceIsHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, admission.Config{Capacity: 2})
		leave := mustEnter(t, g, "a")
		mustEnter(t, g, "a")
		first, second := enter(t, g, "b"), enter(t, g, "b")
		for range 3 {
			leave()
		}
		synctest.Wait()
		if !first.answered || second.answered {
			t.Errorf("let in: %v and %v, want the first alone", first.answered, second.answered)
		}
		if s := g.Stats(); s.Inside != 2 {
			t.Errorf("%d are inside, want 2", s.Inside)
		}
	})
}

func TestInAFullQueueTheNewestOfTheLongestGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, admission.Config{Capacity: 1, Queue: 5})
		mustEnter(t, g, "x")
		a1, a2, a3 := enter(t, g, "a"), enter(t, g, "a"), enter(t, g, "a")
		b1, b2 := enter(t, g, "b"), enter(t, g, "b")
		step := func(what string, arriving *visit, gone *visit) {
			t.Helper()
			synctest.Wait()
			for name, v := range map[string]*visit{"a1": a1, "a2": a2, "a3": a3, "b1": b1, "b2": b2, "arriving": arriving} {
				if (v == gone) != v.answered && !(v == a3 && gone != a3) && !(v == b2 && gone != b2) {
					t.Errorf("%s: %s answered: %v", what, name, v.answered)
				}
			}
			if !errors.Is(gone.err, admission.Crowded) || gone.took != 0 {
				t.Errorf("%s: got %v after %v, want crowded at once", what, gone.err, gone.took)
			}
		}
		again := enter(t, g, "a")
		step("another of the longest", again, again)
		step("one of a short queue", enter(t, g, "c"), a3)
		step("of two long ones the last that grew", enter(t, g, "d"), b2)
		even := enter(t, g, "b")
		step("one whose queue would be as long", even, even)
	})
}

func TestPrincipalsOfTwoAccountsAreNotTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, admission.Config{Capacity: 1, Queue: 2})
		mustEnter(t, g, "a")
		enter(t, g, "a")
		second := enter(t, g, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := g.Enter(ctx, admission.Ticket{Account: "999988887777", Principal: "a"})
		synctest.Wait()
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(second.err, admission.Crowded) {
			t.Errorf("the other account's got %v and this one's second %v, want that the second made room", err, second.err)
		}
	})
}

func TestExemptRequestsNeitherWaitNorCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, admission.Config{Capacity: 1, Rates: admission.Rates{Principal: admission.Rate{PerSecond: 1, Burst: 4}}})
		mustEnter(t, g, "a")
		waiting := enter(t, g, "a")
		ticket := of("a")
		ticket.Exempt = true
		for range 2 {
			leave, err := g.Enter(t.Context(), ticket)
			if err != nil {
				t.Fatal(err)
			}
			leave()
			leave()
		}
		if _, err := g.Enter(t.Context(), ticket); !errors.Is(err, admission.PrincipalRate) {
			t.Errorf("over the rate: got %v", err)
		}
		if s := g.Stats(); s.Inside != 1 || s.Waiting != 1 || s.Entered != 3 || waiting.answered {
			t.Errorf("%+v", s)
		}
	})
}

func TestAGateWithoutBoundsLetsEverybodyIn(t *testing.T) {
	g := newGate(t, admission.Config{})
	for range 5000 {
		mustEnter(t, g, "a")
	}
	if s := g.Stats(); s.Inside != 5000 || s.Entered != 5000 || s.Buckets != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAConfigurationThatMakesNoSenseIsRefused(t *testing.T) {
	rate := func(perSecond float64, burst int) admission.Config {
		return admission.Config{Now: time.Now, Rates: admission.Rates{Principal: admission.Rate{PerSecond: perSecond, Burst: burst}}}
	}
	class := func(c admission.Class, perSecond float64) admission.Config {
		return admission.Config{Now: time.Now, Rates: admission.Rates{Class: map[admission.Class]admission.Rate{c: {PerSecond: perSecond}}}}
	}
	for name, tc := range map[string]struct {
		config admission.Config
		want   string
	}{
		"no clock":              {admission.Config{}, "set Now"},
		"a negative capacity":   {admission.Config{Now: time.Now, Capacity: -1}, "negative bound (capacity -1"},
		"a negative wait":       {admission.Config{Now: time.Now, Wait: -time.Second}, "wait -1s"},
		"a negative rate":       {rate(-1, 0), "the principal rate is -1 a second: choose one from 0.001 to 1000000"},
		"a rate of no number":   {rate(math.NaN(), 0), "the principal rate is NaN"},
		"an endless rate":       {rate(math.Inf(1), 0), "the principal rate is +Inf"},
		"a burst of no rate":    {rate(0, 5), "the principal rate is 0 a second"},
		"a negative burst":      {rate(1, -5), "a burst of -5: choose one from 1 to 1000000"},
		"an enormous burst":     {rate(1, 1_000_001), "a burst of 1000001"},
		"a class out of bounds": {class(9, 1), "the rate of class 9"},
		"a class's rate":        {class(admission.DataKeyPair, -1), "the data-key-pair rate is -1"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := admission.New(tc.config)
			if err == nil || g != nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestEveryReasonHasItsWordsAndIsThrottledButOne(t *testing.T) {
	labels := map[string]bool{}
	for why := range newGate(t, admission.Config{}).Stats().Refused {
		if labels[why.Label()] || why.Label() == "" || why.Error() == "" {
			t.Errorf("reason %d: %q, %q", int(why), why.Label(), why.Error())
		}
		labels[why.Label()] = true
		if got, want := errors.Is(fmt.Errorf("wrapped: %w", why), admission.ErrThrottled), why != admission.Abandoned; got != want {
			t.Errorf("%s is throttled: %v", why.Label(), got)
		}
	}
	if len(labels) != 6 {
		t.Errorf("%d reasons", len(labels))
	}
}

// Callers of three principals come, leave, leave again, and go away while they wait, as fast as they can.
func TestTheBoundsHoldUnderManyGoroutines(t *testing.T) {
	const capacity, queue, callers, rounds = 7, 16, 64, 400
	g := newGate(t, admission.Config{Capacity: capacity, Queue: queue, Wait: 2 * time.Millisecond})
	var inside, entered, refused atomic.Int64
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for round := range rounds {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+(i+round)%4)*time.Millisecond)
				leave, err := g.Enter(ctx, of([]string{"a", "b", "c"}[i%3]))
				if err != nil {
					refused.Add(1)
					time.Sleep(100 * time.Microsecond)
				} else {
					if n := inside.Add(1); n > capacity {
						t.Errorf("%d are inside", n)
					}
					entered.Add(1)
					time.Sleep(time.Duration(round%3) * 100 * time.Microsecond)
					inside.Add(-1)
					leave()
					go leave()
				}
				if s := g.Stats(); s.Inside > capacity || s.Waiting > queue || s.Waiting > 0 && s.Inside < capacity {
					t.Errorf("%+v", s)
				}
				cancel()
			}
		})
	}
	all.Wait()
	s := g.Stats()
	var counted uint64
	for _, n := range s.Refused {
		counted += n
	}
	if s.Inside != 0 || s.Waiting != 0 || s.Entered != uint64(entered.Load()) || counted != uint64(refused.Load()) {
		t.Errorf("%+v, but %d came in and %d did not", s, entered.Load(), refused.Load())
	}
	t.Logf("%+v", s)
}
