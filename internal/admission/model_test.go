package admission_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyhold/keyhold/internal/admission"
)

// model is the queue as one would write it with no thought for its speed.
type model struct {
	capacity, queue int
	wait            time.Duration
	inside          []*guest
	waiting         []*guest       // in order of arrival
	places          map[string]int // of the principals that have a turn; the least is the next
	lastPlace       int
}

// guest is a request in the model, and what really came of it.
type guest struct {
	principal string
	since     time.Time
	answered  bool
	outcome   error
	real      *visit
}

func (m *model) arrive(v *guest) {
	if len(m.inside) < m.capacity {
		v.answered = true
		m.inside = append(m.inside, v)
		return
	}
	if len(m.waiting) == m.queue {
		victim := m.newestOfLongest(v)
		m.dismiss(victim, admission.Crowded)
		if victim == v {
			return
		}
	}
	m.waiting = append(m.waiting, v)
	if _, known := m.places[v.principal]; !known {
		m.give(v.principal)
	}
}

func (m *model) newestOfLongest(arriving *guest) *guest {
	all := append(slices.Clone(m.waiting), arriving)
	best := arriving
	for _, v := range slices.Backward(all) {
		if m.count(all, v.principal) > m.count(all, best.principal) {
			best = v
		}
	}
	return best
}

func (m *model) count(all []*guest, principal string) (n int) {
	for _, v := range all {
		if v.principal == principal {
			n++
		}
	}
	return n
}

func (m *model) give(principal string) {
	m.lastPlace++
	m.places[principal] = m.lastPlace
}

func (m *model) dismiss(v *guest, why error) {
	v.answered, v.outcome = true, why
	if i := slices.Index(m.waiting, v); i >= 0 {
		m.waiting = slices.Delete(m.waiting, i, i+1)
		if m.count(m.waiting, v.principal) == 0 {
			delete(m.places, v.principal)
		}
	}
}

func (m *model) leave(i int) {
	m.inside = slices.Delete(m.inside, i, i+1)
	for len(m.places) > 0 {
		first := ""
		for p, place := range m.places {
			if first == "" || place < m.places[first] {
				first = p
			}
		}
		i := slices.IndexFunc(m.waiting, func(v *guest) bool { return v.principal == first })
		if i < 0 {
			delete(m.places, first)
			continue
		}
		m.waiting[i].answered = true
		m.inside = append(m.inside, m.waiting[i])
		m.waiting = slices.Delete(m.waiting, i, i+1)
		m.give(first)
		if m.count(m.waiting, first) == 0 && len(m.places) > m.queue {
			delete(m.places, first)
		}
		return
	}
}

func (m *model) expire(now time.Time) {
	for len(m.waiting) > 0 && !now.Before(m.waiting[0].since.Add(m.wait)) {
		m.dismiss(m.waiting[0], admission.Expired)
	}
}

func TestTheQueueAgreesWithAModel(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(3, seed))
			m := &model{capacity: 1 + random.IntN(3), queue: 1 + random.IntN(8), wait: 100 * time.Millisecond, places: map[string]int{}}
			g := newGate(t, admission.Config{Capacity: m.capacity, Queue: m.queue, Wait: m.wait})
			var all []*guest
			for i := range 200 {
				what := act(t, random, m, g, &all)
				synctest.Wait()
				if difference := compare(m, g, all); difference != "" {
					t.Fatalf("seed %d, step %d, %s: %s", seed, i, what, difference)
				}
			}
			for len(m.inside) > 0 {
				m.inside[0].real.leave()
				m.leave(0)
				synctest.Wait()
			}
		})
	}
}

// act does one thing at random, in the model and in the Gate.
func act(t *testing.T, random *rand.Rand, m *model, g *admission.Gate, all *[]*guest) string {
	switch n := random.IntN(20); {
	case n < 11:
		v := &guest{principal: string(rune('a' + random.IntN(2+random.IntN(10)))), since: time.Now()}
		m.arrive(v)
		v.real = enter(t, g, v.principal)
		*all = append(*all, v)
		return "one of " + v.principal + " arrives"
	case n < 17 && len(m.inside) > 0:
		i := random.IntN(len(m.inside))
		m.inside[i].real.leave()
		m.inside[i].real.leave()
		m.leave(i)
		return "one leaves"
	case n < 18 && len(m.waiting) > 0:
		v := m.waiting[random.IntN(len(m.waiting))]
		v.real.cancel()
		m.dismiss(v, admission.Abandoned)
		return "one of " + v.principal + " goes away"
	}
	time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond)
	m.expire(time.Now())
	return "time passes"
}

func compare(m *model, g *admission.Gate, all []*guest) string {
	for i, v := range all {
		// The error of who went away is the context's.
		same := errors.Is(v.real.err, v.outcome)
		if errors.Is(v.outcome, admission.Abandoned) {
			same = errors.Is(v.real.err, context.Canceled)
		}
		if v.real.answered != v.answered || !same {
			return fmt.Sprintf("request %d of %s: answered %v with %v, want %v with %v",
				i, v.principal, v.real.answered, v.real.err, v.answered, v.outcome)
		}
	}
	s := g.Stats()
	var oldest time.Duration
	if len(m.waiting) > 0 {
		oldest = time.Since(m.waiting[0].since)
	}
	if s.Inside != len(m.inside) || s.Waiting != len(m.waiting) || s.OldestWait != oldest || g.Queues() != len(m.places) {
		return fmt.Sprintf("%+v and %d queues; want %d inside, %d waiting, the oldest for %v, %d queues",
			s, g.Queues(), len(m.inside), len(m.waiting), oldest, len(m.places))
	}
	if g.Queues() > 2*m.queue {
		return fmt.Sprintf("%d queues for %d places to wait", g.Queues(), m.queue)
	}
	return ""
}
