package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/configs"
)

// Under every attack the memory of the server stays bounded and a healthy client is served, as quickly as the machine,
// which the attacker has too, lets it be.
func TestAttacksCostTheServerLittleAndAHealthyClientNothing(t *testing.T) {
	openFiles(t, uint64(many)+1000)
	for _, kind := range []struct {
		name    string
		tls     bool
		attacks []attack
	}{{"plain", false, plain}, {"TLS", true, secure}} {
		t.Run(kind.name, func(t *testing.T) {
			s := newSite(t)
			s.edit(func(c *configs.Config) { c.Server.Connections = places })
			var trust *tls.Config
			if kind.tls {
				trust = s.certificate()
			}
			who := s.user(here, "healthy")
			var v *server
			var h *healthy
			var before found
			for i, attack := range kind.attacks {
				if i == 0 || full { // what an attack leaves of garbage is the next one's in make test
					v = s.serve()
					v.trust = trust
					h = v.newHealthy(v.newClient(who))
					measured(t, func(f *findings) {
						v.quiet(t, f, h, quietTime) // to warm up
						before = v.quiet(t, f, h, quietTime)
					})
				}
				t.Run(attack.name, func(t *testing.T) { before = v.withstands(t, attack, h, before) })
				if i == len(kind.attacks)-1 || full {
					v.stop()
				}
			}
		})
	}
}

// quietTime is how long the client looks what it is like without an attack.
var quietTime = inFull(2*time.Second, 500*time.Millisecond)

// withstands judges one attack, and answers what the client last found without one.
func (v *server) withstands(t *testing.T, kind attack, h *healthy, before found) found {
	first := true
	measured(t, func(f *findings) {
		if !first {
			before = v.quiet(t, f, h, quietTime)
		}
		first = false
		a, during, cost := v.suffer(t, kind, h)
		cost.before = before.cpu
		during.mustBeServed(t, f, v)
		t.Logf("%s | %s\n%s\n%s", during.slowdown(before, f), cost, a, a.notes())
		if cost.memory>>20 > pick(kind.memory) {
			f.wrong(t, "the server grew by %d MiB, and %d are the most", cost.memory>>20, pick(kind.memory))
		}
		a.judge(t, f, kind)
	})
	return before
}

func pick[T any](of [2]T) T { return inFull(of[0], of[1]) }

// cost is what an attack cost the server.
type cost struct {
	memory      int64   // octets beyond what it had
	cpu, before float64 // the part of a processor that it took under attack, and without; both with what the client did
	took        time.Duration
	did         int64
}

func (c cost) String() string {
	text := fmt.Sprintf("+%d MiB, %.0f %% of a processor (%.0f %% without)", c.memory>>20, 100*c.cpu, 100*c.before)
	if c.did >= 100 {
		text += fmt.Sprintf(", %.0f µs for each of what the attacker did", 1e6*(c.cpu-c.before)*c.took.Seconds()/float64(c.did))
	}
	return text
}

// suffer has the server attacked while a healthy client looks what it is like.
func (v *server) suffer(t *testing.T, kind attack, h *healthy) (a *attacker, during found, c cost) {
	t.Helper()
	a = &attacker{t: t, address: v.address(), trust: v.trust, known: h.kept.who.AccessKeyID, from: elsewhere, turns: make(chan struct{}, 64)}
	if kind.from != nil {
		a.from = kind.from
	}
	v.forgetPeak()
	memory, _ := v.memory()
	cpu, began := v.cpu(), time.Now()
	ctx, end := context.WithTimeout(t.Context(), inFull(12*time.Second, 800*time.Millisecond))
	if kind.whole {
		ctx, end = context.WithCancel(t.Context())
	}
	defer end()
	var attacker sync.WaitGroup
	pace, stop := context.WithCancel(t.Context())
	attacker.Go(func() { a.pace(pace, pick(kind.perSecond)) })
	attacker.Go(func() {
		defer stop()
		kind.run(ctx, a)
		end()
	})
	during = h.live(ctx)
	attacker.Wait()
	_, peak := v.memory()
	took := time.Since(began)
	return a, during, cost{memory: peak - memory, cpu: (v.cpu() - cpu).Seconds() / took.Seconds(), took: took, did: a.did.Load()}
}
