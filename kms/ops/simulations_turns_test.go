package ops_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// slowDirectory is a store that takes its time over every user and role that it lists, as it does for WhoCan.
type slowDirectory struct {
	kms.Store
	each time.Duration

	mu           sync.Mutex
	inside, most int // at once
}

func (d *slowDirectory) Principals(ctx context.Context, account kms.AccountID, after kms.PrincipalID, _ int) ([]kms.PrincipalRow, error) {
	d.came(1)
	time.Sleep(d.each)
	d.came(-1)
	return d.Store.Principals(ctx, account, after, 1)
}

func (d *slowDirectory) came(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inside += n
	d.most = max(d.most, d.inside)
}

// queue is for the turns of WhoCan about one key of a slow directory, in a bubble where nothing else takes time.
type queue struct {
	*bench
	*slowDirectory
	key     string
	mallory kms.Caller
	auditor api.Principal // a role
}

// inQueue tells a story of a directory that takes so long over each user or role.
func inQueue(t *testing.T, each time.Duration, story func(*testing.T, *queue)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &queue{slowDirectory: &slowDirectory{each: each}}
		c.bench = newBench(t, func(config *kms.Config) {
			c.Store, config.Store, config.Now = config.Store, c.slowDirectory, time.Now
		})
		c.key = c.newKey()
		for i := range 20 {
			c.user(fmt.Sprintf("user-%02d", i), allow("kms:Encrypt"))
		}
		c.mallory, c.auditor = c.user("mallory", allow("keyhold:WhoCan")), c.role("auditor", "", allow("keyhold:WhoCan"))
		story(t, c)
	})
}

// visitor is a session of the role.
func (c *queue) visitor(name string) kms.Caller {
	who := c.session(c.auditor, name)
	who.Session.IssuedAt, who.Session.ExpiresAt = kms.MicrosOf(time.Now()), kms.MicrosOf(time.Now().Add(time.Hour))
	return who
}

// inquiry is a WhoCan that was asked. What came of it can be read when it is answered.
type inquiry struct {
	answered bool
	took     time.Duration
	out      *api.WhoCanOutput
	err      error
}

func (c *queue) ask(ctx context.Context, who kms.Caller, in api.WhoCanInput) *inquiry {
	q, began := &inquiry{}, time.Now()
	in.KeyID, in.Action = &c.key, new("kms:Encrypt")
	go func() {
		var out any
		out, q.err = c.service.Do(ctx, kms.Request{Operation: "WhoCan", Caller: who, Input: &in})
		q.out, _ = out.(*api.WhoCanOutput)
		q.took, q.answered = time.Since(began), true
	}()
	synctest.Wait()
	return q
}

// Turns are by principal: who asks for much, under however many names of sessions, waits for himself.
func TestNobodysSimulationsKeepAnotherFromHis(t *testing.T) {
	for name, asks := range map[string]func(*queue, int) kms.Caller{
		"of a user":             func(c *queue, _ int) kms.Caller { return c.mallory },
		"of sessions of a role": func(c *queue, i int) kms.Caller { return c.visitor(fmt.Sprint("s", i)) },
		"of the root":           func(c *queue, _ int) kms.Caller { return c.root() },
	} {
		t.Run(name, func(t *testing.T) {
			const each = kms.SimulationTurn / 2
			inQueue(t, each, func(t *testing.T, c *queue) {
				alice := c.user("alice", allow("keyhold:WhoCan"))
				c.Principals(t.Context(), account, "", 1) // the clock is not at a turn's end
				var flood []*inquiry
				for i := range 40 {
					flood = append(flood, c.ask(t.Context(), asks(c, i), api.WhoCanInput{}))
				}
				time.Sleep(time.Second)
				own := c.ask(t.Context(), alice, api.WhoCanInput{Limit: new(int32(1))})
				time.Sleep(kms.SimulationTurn + 2*each)
				synctest.Wait()
				if !own.answered || own.err != nil {
					t.Errorf("after %v alice has %+v", kms.SimulationTurn+2*each, own)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				for i, q := range flood {
					if q.err != nil || q.out.Truncated || len(q.out.Principals) != 21 {
						t.Fatalf("request %d of the flood has %+v", i, q)
					}
				}
				if c.most != kms.SimulationsAtOnce {
					t.Errorf("%d were simulated at once, want %d", c.most, kms.SimulationsAtOnce)
				}
			})
		})
	}
}

// The wait for the first turn has a bound: the one of Keyhold, or the request's own when that is shorter.
func TestASimulationWithoutATurnIsThrottled(t *testing.T) {
	inQueue(t, time.Minute, func(t *testing.T, c *queue) {
		for range kms.SimulationsAtOnce {
			c.ask(t.Context(), c.mallory, api.WhoCanInput{})
		}
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		brief, late := c.ask(hasty, c.root(), api.WhoCanInput{}), c.ask(t.Context(), c.root(), api.WhoCanInput{})
		time.Sleep(time.Hour)
		synctest.Wait()
		if refused(t, brief.err, api.DependencyTimeoutException); brief.took != time.Second {
			t.Errorf("who had a second waited %v", brief.took)
		}
		if refused(t, late.err, api.ThrottlingException); late.took != kms.SimulationWait {
			t.Errorf("who was throttled waited %v", late.took)
		}
		if c.most != kms.SimulationsAtOnce {
			t.Errorf("%d were simulated at once, want %d", c.most, kms.SimulationsAtOnce)
		}
	})
}

// What was found when no further turn comes is not lost: the page ends there, and the next one begins behind it.
func TestAPageOfWhoCanEndsWhereItsTurnsEnd(t *testing.T) {
	const each = 12 * time.Second
	inQueue(t, each, func(t *testing.T, c *queue) {
		first := c.ask(t.Context(), c.root(), api.WhoCanInput{})
		for _, later := range []time.Duration{8 * time.Second, time.Second} { // to the other place, and then to the first one's
			time.Sleep(later)
			c.ask(t.Context(), c.mallory, api.WhoCanInput{})
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if first.err != nil || !first.out.Truncated || len(first.out.Principals) == 0 || len(first.out.Principals) == 21 {
			t.Fatalf("the first page is %+v", first)
		}
		rest := c.ask(t.Context(), c.root(), api.WhoCanInput{Marker: &first.out.NextMarker})
		time.Sleep(time.Hour)
		synctest.Wait()
		if rest.err != nil || rest.out.Truncated || len(rest.out.Principals)+len(first.out.Principals) != 21 {
			t.Errorf("after %d the next page is %+v", len(first.out.Principals), rest)
		}
	})
}
