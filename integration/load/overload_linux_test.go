package load

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

// The token is made to take as long for an encryption as one across a network does, so that it is what is scarce, and not
// the processors that clients and server share.
const sessions = 4

var (
	delay  = 20 * time.Millisecond * inRace(2)
	window = inFull(10*time.Second, 1500*time.Millisecond)
)

// queueWait is how long a request waits for its turn (internal/admission).
const queueWait = time.Second

// inRace is a factor for a server that has the race detector; without it 1.
func inRace(factor time.Duration) time.Duration {
	if raced {
		return factor
	}
	return 1
}

// deadline is when every request must have been answered: the wait for its turn, then four in hand for each of the token's
// sessions, then the encryption itself; and half a second more on a busy machine.
func deadline() time.Duration { return queueWait + 5*delay + 500*time.Millisecond*inRace(2) }

// 200 clients of two principals ask for four times what the token bears. One of them asks for a quarter of it, and gets
// that, soon; the other gets what is left, and is told that it asks for too much.
func TestUnderOverloadEverybodyIsAnsweredInTimeAndHasAFairShare(t *testing.T) {
	s := newSite(t)
	control := s.faulty()
	s.edit(func(c *configs.Config) { c.Token.Sessions = sessions })
	noisy, modest := s.user(here, "noisy"), s.user(here, "modest")
	tenant := modest
	if full {
		const elsewhere = "111122223333"
		s.run("account", "create", elsewhere, "--name", "tenant")
		tenant = s.user(elsewhere, "tenant")
	}
	v := s.serve()
	loud, quiet, far := v.newClient(noisy), v.newClient(modest), v.newClient(tenant)
	key, farKey := loud.newKey(v), far.newKey(v)
	control.Delay(faultp11.Encrypt, delay)
	rest := v.restBefore(t, loud, key)
	who := map[string]sender{"two principals of an account": {quiet, key}, "two accounts": {far, farKey}}
	if !full {
		delete(who, "two accounts")
	}
	for name, modest := range who {
		t.Run(name, func(t *testing.T) {
			measured(t, func(f *findings) {
				bears := v.capacity(t, f, loud, key)
				v.overload(t, f, bears, &crowd{name: "noisy", clients: 180, share: 3.75, sender: sender{loud, key}},
					&crowd{name: "modest", clients: 20, share: 0.25, sender: modest})
				v.isAtRest(t, f, loud, key, rest)
			})
		})
	}
	v.stop()
}

// overload has both crowds send for a while, and judges what became of it.
func (v *server) overload(t *testing.T, f *findings, bears float64, noisy, modest *crowd) {
	t.Helper()
	began := time.Now()
	together(t.Context(), v, bears, queueWait+window, noisy, modest)
	settled := began.Add(queueWait) // the queue is as long as it gets
	goodput := 0.0
	t.Logf("%-8s %9s %8s %8s %9s %9s %9s %9s %11s", "", "asked/s", "served/s", "served", "throttled", "p50", "p99", "slowest", "refused p50")
	for _, c := range []*crowd{noisy, modest} {
		rate := answered(only(c.outcomes, outcome.served), settled, settled.Add(window))
		goodput += rate
		c.judge(t, f, rate)
	}
	served := only(modest.outcomes, outcome.served)
	share := float64(len(served)) / float64(len(modest.outcomes))
	t.Logf("goodput %.0f/s, %.2f of the capacity; of the modest principal's requests %.3f were served", goodput, goodput/bears, share)
	if goodput < 0.9*bears {
		f.add("goodput is %.0f/s, %.2f of the capacity", goodput, goodput/bears)
	}
	if asked := float64(len(noisy.outcomes)) / (queueWait + window).Seconds(); asked < 2.5*bears {
		f.add("%.0f/s were asked for, which is no overload", asked)
	}
	if share < 0.99 {
		f.add("of the modest principal's requests only %.3f were served", share)
	}
	theirs, others := quantile(served, 0.5), quantile(only(noisy.outcomes, outcome.served), 0.5)
	if theirs > others/2 {
		f.add("the modest principal waits %v, and the noisy one %v", theirs, others)
	}
}

// judge looks at the answers: all in time, and each a success or ThrottlingException.
func (c *crowd) judge(t *testing.T, f *findings, rate float64) {
	t.Helper()
	served, throttled := only(c.outcomes, outcome.served), only(c.outcomes, outcome.throttled)
	t.Logf("%-8s %9.0f %8.0f %8d %9d %9v %9v %9v %11v", c.name, float64(len(c.outcomes))/(queueWait+window).Seconds(), rate, len(served), len(throttled),
		ms(quantile(served, 0.5)), ms(quantile(served, 0.99)), ms(quantile(c.outcomes, 1)), ms(quantile(throttled, 0.5)))
	if other := len(c.outcomes) - len(served) - len(throttled); other > 0 {
		f.wrong(t, "%s: %d answers are neither successes nor ThrottlingException: %s", c.name, other, oddities(c.outcomes))
	}
	if slowest := quantile(c.outcomes, 1); slowest > deadline() {
		f.add("%s: an answer took %v, and the deadline is %v", c.name, slowest, deadline())
	}
}

// isAtRest waits until the server is again what it was.
func (v *server) isAtRest(t *testing.T, f *findings, c *client, key string, before rest) {
	t.Helper()
	time.Sleep(time.Second)
	now := v.rest(t, f, c, key)
	if now.latency > 2*before.latency+10*time.Millisecond {
		f.add("a second after the overload an encryption takes %v, before it %v", now.latency, before.latency)
	}
	eventually(t, soon, func() error {
		m := v.metrics()
		if m["keyhold_admission_waiting"]+m["keyhold_admission_inside"]+m["keyhold_requests_in_flight"] > 0 || m["go_goroutines"] > before.goroutines+20 {
			return fmt.Errorf("%v wait, %v are inside, %v in flight; %v goroutines, and were %v", m["keyhold_admission_waiting"],
				m["keyhold_admission_inside"], m["keyhold_requests_in_flight"], m["go_goroutines"], before.goroutines)
		}
		return nil
	})
	t.Logf("a second later an encryption takes %v, before the overload %v", ms(now.latency), ms(before.latency))
}

// hang is what is tried with a token whose calls do not return for a while.
type hang struct {
	control               *faultp11.Control
	callTimeout           time.Duration
	began, hung, released time.Time
}

// happen has the token hang after a second, for twice the time that a call may take.
func (h *hang) happen() {
	time.Sleep(time.Second)
	h.hung = time.Now()
	h.control.Hang(faultp11.Encrypt, 0)
	time.Sleep(2 * h.callTimeout)
	h.released = time.Now()
	h.control.Release(faultp11.Encrypt)
}

// While calls of the token do not return, requests fail within their time, and say why; when they return all is well again.
func TestATokenThatHangsUnderOverloadIsServedAgainOnceItReturns(t *testing.T) {
	s := newSite(t)
	h := hang{control: s.faulty(), callTimeout: 2 * time.Second}
	const patient = 1000 // at the default limit of calls that hang, this process would be replaced by another
	s.edit(func(c *configs.Config) {
		c.Token.Sessions, c.Token.CallTimeout, c.Token.StuckLimit = sessions, h.callTimeout, patient
	})
	who := s.user(here, "noisy")
	v := s.serve()
	c := v.newClient(who)
	key := c.newKey(v)
	h.control.Delay(faultp11.Encrypt, delay)
	rest := v.restBefore(t, c, key)
	measured(t, func(f *findings) {
		noisy := &crowd{name: "noisy", clients: 200, share: 2, sender: sender{c, key}}
		h.under(t, f, v, noisy)
		v.isAtRest(t, f, c, key, rest)
	})
	v.stop()
}

// under has the token hang while the crowd asks for twice what it bears.
func (h *hang) under(t *testing.T, f *findings, v *server, noisy *crowd) {
	t.Helper()
	h.began = time.Now()
	most := float64(sessions) / delay.Seconds()
	var token sync.WaitGroup
	token.Go(h.happen)
	together(t.Context(), v, most, 3*time.Second+2*h.callTimeout, noisy)
	token.Wait()
	// A call in hand takes its CallTimeout; who then waits for another session, or for the token to recover, takes it again.
	within := queueWait + 3*h.callTimeout + time.Second
	if slowest := quantile(noisy.outcomes, 1); slowest > within {
		f.add("an answer took %v, and %v is the most", slowest, within)
	}
	for _, o := range noisy.outcomes {
		if !o.served() && !o.throttled() && (o.err != nil || o.status != 500 || o.code != "KeyUnavailableException" && o.code != "DependencyTimeoutException") {
			f.wrong(t, "%v: %v", o.asked.Sub(h.began), o)
		}
	}
	served := only(noisy.outcomes, outcome.served)
	after := answered(served, h.released.Add(time.Second), h.released.Add(2*time.Second))
	t.Logf("hung from %v to %v: %s slowest %v; served %.0f/s before, %.0f/s while it hung, %.0f/s from a second after it", ms(h.hung.Sub(h.began)),
		ms(h.released.Sub(h.began)), oddities(noisy.outcomes), ms(quantile(noisy.outcomes, 1)), answered(served, h.began.Add(time.Second/2), h.hung),
		answered(served, h.hung.Add(2*delay), h.released), after)
	if after < 0.6*most {
		f.add("a second after the token is back it serves %.0f/s of %.0f/s", after, most)
	}
}
