package admission_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/admission"
)

// clock is one that stands still until it is moved.
type clock struct{ time time.Time }

func (c *clock) now() time.Time          { return c.time }
func (c *clock) advance(d time.Duration) { c.time = c.time.Add(d) }

func rated(t testing.TB, r admission.Rates) (*admission.Gate, *clock) {
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	return newGate(t, admission.Config{Rates: r, Now: c.now}), c
}

// ask sends requests until one is refused, and returns how many came in, and why one did not.
func ask(t testing.TB, g *admission.Gate, ticket admission.Ticket) (entered int, why error) {
	t.Helper()
	for ; entered < 10_000; entered++ {
		leave, err := g.Enter(t.Context(), ticket)
		if err != nil {
			return entered, err
		}
		leave()
	}
	t.Fatal("there is no limit")
	return 0, nil
}

func TestARateLetsABurstInAndThenItsTokens(t *testing.T) {
	for name, tc := range map[string]struct {
		rate  admission.Rate
		steps []time.Duration
		want  []int // how many come in at the start and after each step
	}{
		"the burst of one second":       {admission.Rate{PerSecond: 5}, []time.Duration{time.Second, 400 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond}, []int{5, 5, 2, 0, 1}},
		"a burst above the rate":        {admission.Rate{PerSecond: 2, Burst: 7}, []time.Duration{time.Second, time.Hour}, []int{7, 2, 7}},
		"a burst below the rate":        {admission.Rate{PerSecond: 100, Burst: 1}, []time.Duration{9 * time.Millisecond, time.Millisecond, time.Second}, []int{1, 0, 1, 1}},
		"less than one in a second":     {admission.Rate{PerSecond: 0.5}, []time.Duration{time.Second, time.Second}, []int{1, 0, 1}},
		"the slowest":                   {admission.Rate{PerSecond: 0.001}, []time.Duration{999 * time.Second, time.Second}, []int{1, 0, 1}},
		"a clock that was set back":     {admission.Rate{PerSecond: 5}, []time.Duration{-time.Hour, 200 * time.Millisecond, time.Second}, []int{5, 0, 1, 5}},
		"a clock that was set back far": {admission.Rate{PerSecond: 1, Burst: 3}, []time.Duration{-200 * 365 * 24 * time.Hour, 2 * time.Second}, []int{3, 0, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			g, c := rated(t, admission.Rates{Principal: tc.rate})
			for i, want := range tc.want {
				if i > 0 {
					c.advance(tc.steps[i-1])
				}
				if got, why := ask(t, g, of("a")); got != want || !errors.Is(why, admission.PrincipalRate) {
					t.Fatalf("step %d: %d came in, then %v; want %d", i, got, why, want)
				}
			}
		})
	}
}

func TestEachAccountPrincipalAndClassHasABucketOfItsOwn(t *testing.T) {
	g, _ := rated(t, admission.Rates{
		Account: admission.Rate{PerSecond: 9}, Principal: admission.Rate{PerSecond: 4},
		Class: map[admission.Class]admission.Rate{admission.DataKeyPair: {PerSecond: 3}, admission.Management: {}},
	})
	ticket := func(account, principal string, c admission.Class) admission.Ticket {
		return admission.Ticket{Account: account, Principal: principal, Class: c}
	}
	for i, step := range []struct {
		ticket admission.Ticket
		want   int
		why    admission.Reason
	}{
		{ticket("1", "a", admission.DataKeyPair), 3, admission.ClassRate},
		{ticket("1", "b", admission.DataKeyPair), 0, admission.ClassRate},
		{ticket("2", "a", admission.DataKeyPair), 3, admission.ClassRate}, // somebody else, of another account
		{ticket("1", "a", admission.Management), 1, admission.PrincipalRate},
		{ticket("1", "b", 0), 4, admission.PrincipalRate},
		{ticket("1", "c", admission.Read), 1, admission.AccountRate},
		{ticket("1", "d", admission.Symmetric), 0, admission.AccountRate},
		{ticket("2", "d", admission.Asymmetric), 4, admission.PrincipalRate},
	} {
		if got, why := ask(t, g, step.ticket); got != step.want || !errors.Is(why, step.why) {
			t.Errorf("step %d, %+v: %d came in, then %v; want %d, then %v", i, step.ticket, got, why, step.want, step.why)
		}
	}
}

func TestWhoeverIsOverOneRateTakesNothingFromTheOthers(t *testing.T) {
	g, _ := rated(t, admission.Rates{Account: admission.Rate{PerSecond: 10}, Principal: admission.Rate{PerSecond: 1}})
	for range 100 {
		_, _ = g.Enter(t.Context(), of("noisy"))
	}
	for _, principal := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		if got, why := ask(t, g, of(principal)); got != 1 {
			t.Errorf("%s: %d came in, then %v", principal, got, why)
		}
	}
}

// The model says what a token bucket is: time is money.
func TestRatesAgreeWithAModel(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(2, seed))
		perSecond := []int{1, 2, 5, 40, 1000}[random.IntN(5)]
		price, burst := time.Second/time.Duration(perSecond), 1+random.IntN(10)
		g, c := rated(t, admission.Rates{Account: admission.Rate{PerSecond: float64(perSecond), Burst: burst}})
		purse := price * time.Duration(burst)
		for i := range 300 {
			d := time.Duration(random.Int64N(int64(2 * price)))
			c.advance(d)
			purse = min(purse+d, price*time.Duration(burst))
			_, err := g.Enter(t.Context(), of("a"))
			if want := purse >= price; (err == nil) != want {
				t.Fatalf("seed %d, request %d: %v; the model lets it in: %v", seed, i, err, want)
			}
			if err == nil {
				purse -= price
			}
		}
	}
}
