package load

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// sender is who asks, and for what key.
type sender struct {
	one *client
	key string
}

// crowd is the clients of one principal, who send a share of the token's capacity together, whether they are answered or not.
type crowd struct {
	name    string
	clients int
	share   float64
	sender

	mu       sync.Mutex
	outcomes []outcome
}

func (c *crowd) add(o outcome) {
	o.body = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outcomes = append(c.outcomes, o)
}

// together has crowds send for so long, and waits for all answers.
func together(ctx context.Context, v *server, bears float64, within time.Duration, crowds ...*crowd) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var all sync.WaitGroup
	for _, c := range crowds {
		between := time.Duration(float64(c.clients) / (c.share * bears) * float64(time.Second))
		for range c.clients {
			all.Go(func() { c.send(ctx, v.newClient(c.one.who), between) })
		}
	}
	all.Wait()
}

// send sends a request every so often until ctx ends, and waits for the answers.
func (c *crowd) send(ctx context.Context, me *client, between time.Duration) {
	defer me.close()
	var under sync.WaitGroup
	defer under.Wait()
	for due := time.Now().Add(time.Duration(rand.Float64() * float64(between))); ; due = due.Add(between) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(due)):
			under.Go(func() { c.add(me.encrypt(context.WithoutCancel(ctx), c.key)) })
		}
	}
}

// capacity is how many encryptions a second are served to twice as many clients as have a place inside, each of which
// sends one request after the other.
func (v *server) capacity(t *testing.T, f *findings, c *client, key string) float64 {
	t.Helper()
	began := time.Now()
	settled := began.Add(window / 10)
	crowd := crowd{}
	var all sync.WaitGroup
	for range 8 * sessions {
		all.Go(func() {
			me := v.newClient(c.who)
			defer me.close()
			for time.Since(began) < window {
				crowd.add(me.encrypt(t.Context(), key))
			}
		})
	}
	all.Wait()
	served := only(crowd.outcomes, outcome.served)
	if len(served) != len(crowd.outcomes) {
		f.wrong(t, "requests within the capacity were not served: %s", oddities(crowd.outcomes))
	}
	bears, most := answered(served, settled, began.Add(window)), float64(sessions)/delay.Seconds()
	t.Logf("a token with %d sessions and %v for an encryption: %.0f/s in theory, %.0f/s measured; deadline %v", sessions, delay, most, bears, deadline())
	if bears < 0.75*most {
		f.add("the token bears %.0f/s, and the server gets %.0f/s out of it", most, bears)
	}
	return bears
}

// answered is how many of the requests were answered each second of a time.
func answered(outcomes []outcome, from, to time.Time) float64 {
	within := only(outcomes, func(o outcome) bool {
		at := o.asked.Add(o.took)
		return at.After(from) && at.Before(to)
	})
	return float64(len(within)) / to.Sub(from).Seconds()
}

// oddities counts the answers by kind.
func oddities(outcomes []outcome) string {
	counts := map[string]int{}
	for _, o := range outcomes {
		counts[fmt.Sprint(o.status, " ", o.code, " ", o.err)]++
	}
	var s strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&s, "%d of %s; ", counts[kind], kind)
	}
	return s.String()
}

// rest is what the server is like without load.
type rest struct {
	latency    time.Duration
	goroutines float64
}

// restBefore is what it is like before any load.
func (v *server) restBefore(t *testing.T, c *client, key string) (before rest) {
	t.Helper()
	measured(t, func(f *findings) { before = v.rest(t, f, c, key) })
	return before
}

func (v *server) rest(t *testing.T, f *findings, c *client, key string) rest {
	t.Helper()
	var outcomes []outcome
	for range 10 {
		outcomes = append(outcomes, c.encrypt(t.Context(), key))
	}
	if len(only(outcomes, outcome.served)) != len(outcomes) {
		f.wrong(t, "at rest: %s\n%s", oddities(outcomes), &v.talk)
	}
	return rest{quantile(outcomes, 0.5), v.metrics()["go_goroutines"]}
}

func ms(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
