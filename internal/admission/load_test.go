package admission_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyhold/keyhold/internal/admission"
)

// One principal has 199 clients, another has one. With one place inside, the single client gets every second turn; with
// more it can hold only one of them, and waits for no more than two requests of the other to leave.
func TestANoisyPrincipalDoesNotStarveAQuietOne(t *testing.T) {
	for _, tc := range []struct {
		capacity int
		least    float64 // share of what a single client can have at most, which is one place
	}{{1, 0.4}, {4, 0.6}, {16, 0.85}} {
		t.Run(fmt.Sprintf("%d places", tc.capacity), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, admission.Config{Capacity: tc.capacity})
				var noisy, quiet atomic.Int64
				stop, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				var clients sync.WaitGroup
				for i := range uint64(199) {
					clients.Go(func() { client(stop, g, "noisy", i, &noisy) })
				}
				clients.Go(func() { client(stop, g, "quiet", 199, &quiet) })
				clients.Wait()
				total := noisy.Load() + quiet.Load()
				share := float64(quiet.Load()) * float64(tc.capacity) / float64(total)
				if share < tc.least {
					t.Errorf("the quiet client got %d of %d: %.2f of a place, want %.2f", quiet.Load(), total, share, tc.least)
				}
				t.Logf("%d of %d: %.1f %%, %.2f of a place", quiet.Load(), total, 100*float64(quiet.Load())/float64(total), share)
			})
		})
	}
}

// client sends one request after the other, which take from 500 to 1,500 microseconds inside.
func client(ctx context.Context, g *admission.Gate, principal string, seed uint64, served *atomic.Int64) {
	random := rand.New(rand.NewPCG(1, seed))
	for ctx.Err() == nil {
		leave, err := g.Enter(ctx, of(principal))
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		time.Sleep(500*time.Microsecond + time.Duration(random.Int64N(int64(time.Millisecond))))
		leave()
		served.Add(1)
	}
}

// Four times as many requests come as can be served, from principals of very different appetite.
func TestUnderOverloadEverybodyIsAnsweredAndNoPlaceIsIdle(t *testing.T) {
	const capacity, service, seconds = 8, 10 * time.Millisecond, 5
	const perSecond = capacity * int(time.Second/service)
	for _, queue := range []int{64, 4096} {
		t.Run(fmt.Sprintf("a queue of %d", queue), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, admission.Config{Capacity: capacity, Queue: queue})
				var served, refused atomic.Int64
				for i := range 4 * perSecond * seconds {
					time.Sleep(time.Second / time.Duration(4*perSecond))
					go func() {
						began := time.Now()
						leave, err := g.Enter(t.Context(), of(fmt.Sprint("p", min(i%20, 10))))
						if took := time.Since(began); took > time.Second {
							t.Errorf("answered after %v", took)
						}
						if err != nil {
							refused.Add(1)
							return
						}
						time.Sleep(service)
						leave()
						served.Add(1)
					}()
				}
				now, got := g.Stats(), served.Load()
				if want := int64(perSecond * seconds); now.Inside != capacity || got < want-2*capacity || got > want {
					t.Errorf("%d of %d were served, %d are inside", got, want, now.Inside)
				}
				t.Logf("%d served, %+v", got, now)
				time.Sleep(2 * time.Second)
				if s := g.Stats(); s.Inside+s.Waiting != 0 || served.Load()+refused.Load() != int64(4*perSecond*seconds) {
					t.Errorf("afterwards %+v, %d served, %d refused", s, served.Load(), refused.Load())
				}
			})
		})
	}
}

func TestEndlessPrincipalsAreNotRemembered(t *testing.T) {
	const remember = 1000
	var now time.Time
	g := newGate(t, admission.Config{Capacity: 1, Queue: 10, Remember: remember, Now: func() time.Time { return now },
		Rates: admission.Rates{Account: admission.Rate{PerSecond: 1e6}, Principal: admission.Rate{PerSecond: 1}}})
	for i := range 200_000 {
		now = now.Add(time.Microsecond)
		mustEnter(t, g, fmt.Sprint(i))()
	}
	if s := g.Stats(); s.Buckets != remember+1 || g.Queues() != 0 {
		t.Errorf("%d buckets of %d principals and one account; %d queues", s.Buckets, remember, g.Queues())
	}
	now = now.Add(time.Minute)
	for range remember { // the buckets are full again, and nobody asks for them
		now = now.Add(time.Minute)
		mustEnter(t, g, "one")()
	}
	if s := g.Stats(); s.Buckets != 2 {
		t.Errorf("%d buckets are left of one principal and its account", s.Buckets)
	}
}

func TestTheBucketUsedLongestAgoIsForgotten(t *testing.T) {
	c := &clock{time.Now()}
	g := newGate(t, admission.Config{Remember: 2, Now: c.now, Rates: admission.Rates{Principal: admission.Rate{PerSecond: 1, Burst: 3}}})
	for _, principal := range []string{"a", "b", "a", "c"} {
		mustEnter(t, g, principal)()
	}
	for principal, want := range map[string]int{"a": 1, "c": 2} {
		if got, _ := ask(t, g, of(principal)); got != want {
			t.Errorf("%s had %d tokens, want %d", principal, got, want)
		}
	}
}

// Whoever waited leaves nothing behind: no goroutine, no timer that runs for hours, no queue.
func TestWaitingLeavesNothingBehind(t *testing.T) {
	const visits = 20_000
	g := newGate(t, admission.Config{Capacity: 1, Wait: 10 * time.Hour, Queue: 4})
	goroutines := runtime.NumGoroutine()
	before := heap()
	for i := range visits {
		leave := mustEnter(t, g, "a")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if leave, err := g.Enter(ctx, of(fmt.Sprint(i))); err == nil {
				leave()
			}
		}()
		for g.Stats().Waiting == 0 {
			runtime.Gosched()
		}
		if i%2 == 0 {
			cancel()
		}
		leave()
		<-done
		cancel()
	}
	for runtime.NumGoroutine() > goroutines {
		runtime.Gosched() // the last one is on its way out; the test's time limit is the bound
	}
	if grown := heap() - before; grown > visits*20 {
		t.Errorf("%d octets are left of each visit", grown/visits)
	}
	if g.Queues() != 0 {
		t.Errorf("%d queues are left", g.Queues())
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
