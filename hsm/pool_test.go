package hsm_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms/device"
)

func TestThePoolServesInOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hsm.NewTestPool(1)
		mustTake(t, p)
		served := make(chan int, 20)
		for i := range 20 {
			go func() {
				if p.Take(t.Context(), time.Hour) == nil {
					served <- i
				}
			}()
			synctest.Wait() // the next one arrives after this one is in the queue
		}
		for want := range 20 {
			p.Give()
			if got := <-served; got != want {
				t.Fatalf("served %d, want %d", got, want)
			}
		}
	})
}

func TestWaitingForASessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hsm.NewTestPool(1)
		mustTake(t, p)
		deadline, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		cancelled, cancelNow := context.WithCancel(t.Context())
		cancelNow()
		for name, test := range map[string]struct {
			ctx  context.Context
			want error
		}{
			"at the deadline":             {deadline, device.ErrBusy},
			"with patience at its end":    {t.Context(), device.ErrBusy},
			"when the request is dropped": {cancelled, context.Canceled},
		} {
			if err := p.Take(test.ctx, 2*time.Second); !errors.Is(err, test.want) {
				t.Errorf("%s: got %v, want %v", name, err, test.want)
			}
		}
		if st := p.Status(); st.Waiting != 0 || st.InUse != 1 {
			t.Errorf("status %+v", st)
		}
		p.Give()
		mustTake(t, p) // the permit was not lost with those who left
	})
}

func TestAPermitIsNotLostWithAWaiterWhoLeavesAsItComes(t *testing.T) {
	for range 2000 {
		p := hsm.NewTestPool(1)
		mustTake(t, p)
		waiting, cancel := context.WithCancel(ctx)
		left := make(chan error)
		go func() { left <- p.Take(waiting, time.Hour) }()
		go cancel()
		p.Give()
		if err := <-left; err == nil {
			p.Give()
		}
		if st := p.Status(); st.InUse != 0 {
			t.Fatalf("status %+v", st)
		}
	}
}

func TestLostCallsAreReplacedUpToTheSizeOfThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hsm.NewTestPool(2)
		mustTake(t, p)
		mustTake(t, p)
		p.Lose()
		mustTake(t, p)
		waiter := make(chan error)
		go func() { waiter <- p.Take(t.Context(), time.Hour) }()
		synctest.Wait()
		p.Lose() // the waiter gets this permit, and nobody else gets one
		if err := <-waiter; err != nil {
			t.Fatal(err)
		}
		if err := p.Take(t.Context(), time.Hour); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("with 2 of 2 lost: got %v, want ErrUnavailable at once", err)
		}
		p.Give()
		p.Recover()
		mustTake(t, p)
	})
}

func TestAClosedPoolSendsEverybodyAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hsm.NewTestPool(1)
		mustTake(t, p)
		waiter := make(chan error)
		go func() { waiter <- p.Take(t.Context(), time.Hour) }()
		synctest.Wait()
		p.Close()
		if err := <-waiter; !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("a waiter got %v", err)
		}
		p.Give()
		if err := p.Take(t.Context(), time.Hour); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}

func mustTake(t *testing.T, p hsm.TestPool) {
	t.Helper()
	if err := p.Take(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
}
