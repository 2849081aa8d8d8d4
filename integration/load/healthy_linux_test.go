package load

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// healthy is a client that has nothing to do with the attack: one half of it keeps its connections, the other has one for
// each request.
type healthy struct {
	kept, fresh *client
	key         string
}

func (v *server) newHealthy(c *client) *healthy {
	h := &healthy{kept: v.newClient(c.who), fresh: v.newClient(c.who), key: c.newKey(v)}
	h.fresh.http.Transport.(*http.Transport).DisableKeepAlives = true
	return h
}

// found is how it was served for a while, and what part of a processor the server took for that.
type found struct {
	kept, fresh []outcome
	cpu         float64
}

// live seals and opens until ctx ends.
func (h *healthy) live(ctx context.Context) (f found) {
	var both sync.WaitGroup
	both.Go(func() { f.kept = h.half(ctx, h.kept, 10*time.Millisecond) })
	both.Go(func() { f.fresh = h.half(ctx, h.fresh, 25*time.Millisecond) })
	both.Wait()
	return f
}

func (h *healthy) half(ctx context.Context, c *client, pause time.Duration) (outcomes []outcome) {
	done := context.WithoutCancel(ctx)
	for ctx.Err() == nil {
		sealed := c.encrypt(done, h.key)
		outcomes = append(outcomes, sealed)
		time.Sleep(pause)
		if sealed.served() {
			outcomes = append(outcomes, c.ask(done, "Decrypt", map[string]any{"CiphertextBlob": sealed.body["CiphertextBlob"]}))
			time.Sleep(pause)
		}
	}
	return outcomes
}

// quiet is what the client finds in some time without an attack.
func (v *server) quiet(t *testing.T, findings *findings, h *healthy, within time.Duration) found {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cpu, began := v.cpu(), time.Now()
	f := h.live(ctx)
	f.cpu = (v.cpu() - cpu).Seconds() / time.Since(began).Seconds()
	f.mustBeServed(t, findings, v)
	return f
}

// mustBeServed: all of its requests are.
func (f found) mustBeServed(t *testing.T, findings *findings, v *server) {
	t.Helper()
	for name, outcomes := range map[string][]outcome{"with kept connections": f.kept, "with new connections": f.fresh} {
		if len(only(outcomes, outcome.served)) != len(outcomes) || len(outcomes) == 0 {
			findings.wrong(t, "the client %s got %s\n%s", name, oddities(outcomes), &v.talk)
		}
	}
}

// How many times as long a request may take under attack. What takes no longer than enough is quick enough, whatever the
// ratio: on two processors that the attacker has too, some requests wait for their turn.
const mostAtP50, mostAtP99 = 5, 10

var enoughAtP50, enoughAtP99 = 25 * time.Millisecond * inRace(2), 500 * time.Millisecond * inRace(2)

// slowdown compares with what was found before the attack.
func (f found) slowdown(before found, slow *findings) (text string) {
	for _, half := range []struct {
		name        string
		before, now []outcome
	}{{"kept", before.kept, f.kept}, {"new", before.fresh, f.fresh}} {
		p50, p99 := ratio(half.now, half.before, 0.5), ratio(half.now, half.before, 0.99)
		text += fmt.Sprintf(" | %s %7v x%-4.1f %7v x%-4.1f", half.name, ms(quantile(half.now, 0.5)), p50, ms(quantile(half.now, 0.99)), p99)
		if p50 > mostAtP50 && quantile(half.now, 0.5) > enoughAtP50 || p99 > mostAtP99 && quantile(half.now, 0.99) > enoughAtP99 {
			slow.add("with %s connections a request takes %.1f times as long (p50), %.1f times (p99)", half.name, p50, p99)
		}
	}
	return text
}

func ratio(now, before []outcome, share float64) float64 {
	return float64(quantile(now, share)) / float64(max(quantile(before, share), time.Microsecond))
}
