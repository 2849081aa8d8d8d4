package admission_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/admission"
)

func BenchmarkUncontended(b *testing.B) {
	fast := admission.Rate{PerSecond: 1e6, Burst: 1e6}
	for name, rates := range map[string]admission.Rates{
		"no rates":    {},
		"three rates": {Account: fast, Principal: fast, Class: map[admission.Class]admission.Rate{admission.Symmetric: fast}},
	} {
		b.Run(name, func(b *testing.B) {
			g := newGate(b, admission.Config{Capacity: 8, Rates: rates})
			b.ReportAllocs()
			for b.Loop() {
				if leave, err := g.Enter(context.Background(), of("AIDAEXAMPLE")); err == nil {
					leave()
				}
			}
		})
	}
}

// BenchmarkQueued is one request that leaves, one that comes in for it, and one that begins to wait, while 511 wait.
func BenchmarkQueued(b *testing.B) {
	for _, principals := range []int{1, 16, 512} {
		b.Run(fmt.Sprintf("%d principals", principals), func(b *testing.B) {
			g := newGate(b, admission.Config{Capacity: 1, Wait: time.Hour})
			ctx, stop := context.WithCancel(b.Context())
			var clients sync.WaitGroup
			served := make(chan func()) // hands leave to the benchmark
			for i := range 512 {
				clients.Go(func() {
					ticket := of(fmt.Sprint(i % principals))
					for {
						leave, err := g.Enter(ctx, ticket)
						if err != nil {
							return
						}
						served <- leave
					}
				})
			}
			b.ReportAllocs()
			for b.Loop() {
				(<-served)()
			}
			stop()
			go func() { clients.Wait(); close(served) }()
			for leave := range served {
				leave()
			}
		})
	}
}
