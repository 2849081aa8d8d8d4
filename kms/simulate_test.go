package kms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyhold/keyhold/kms/api"
)

// However many simulations are asked for, few are under way; the others come in their order, or are told to come again.
func TestSimulationsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Service{simulated: make(chan struct{}, SimulationsAtOnce)}
		done := make([]func(), SimulationsAtOnce)
		for i := range done {
			var err error
			if done[i], err = s.turn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		order := make(chan string, 4)
		for _, w := range []struct {
			name string
			ctx  context.Context
		}{{"first", t.Context()}, {"gone", gone}, {"second", t.Context()}, {"third", t.Context()}} {
			go func() {
				_, err := s.turn(w.ctx)
				order <- fmt.Sprint(w.name, " ", err)
			}()
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		done[0]()
		synctest.Wait()
		done[1]()
		start := time.Now()
		var got []string
		for range 4 {
			got = append(got, <-order)
		}
		want := []string{"gone wait for other simulations: context canceled", "first <nil>", "second <nil>", "third " + api.Throttling().Error()}
		if waited := time.Since(start); !slices.Equal(got, want) || waited != SimulationWait {
			t.Errorf("after %v: %q", waited, got)
		}
	})
}

func TestSimulationsAreWaitedForNoLongerThanTheirRequest(t *testing.T) {
	s := &Service{simulated: make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.turn(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// The index of an encryption context by folded names must not make of two names one that conditions tell apart, or two of one.
func TestNamesFoldAsTheyAreCompared(t *testing.T) {
	texts := []string{"", "k", "K", "K", "s", "S", "ſ", "é", "É", "ß", "ẞ", "ss", "İ", "i", "I", "ı", "σ", "ς", "Σ", "\xff", "�", "a\xffB", "A�b", "Ab", "µ", "μ"}
	for _, a := range texts {
		for _, b := range texts {
			if got := folded(a) == folded(b); got != strings.EqualFold(a, b) {
				t.Errorf("%q and %q: %v", a, b, got)
			}
		}
	}
}
