package admission

import (
	"container/heap"
	"container/list"
	"time"
)

// line is who waits: a queue for each principal, served in turn. Whoever uses it holds the Gate's lock.
//
// A queue that was served goes behind the others. When that emptied it, it keeps its place until its turn comes: a caller
// with one request at a time would otherwise come back behind one with hundreds, and of two callers get every third turn.
type line struct {
	limit   int
	waiting int
	arrived uint64
	queues  map[caller]*queue // at most twice limit
	turns   *list.List        // of *queue, the next one first
	lengths lengths
}

// queue is the waiters of one principal.
type queue struct {
	who     caller
	waiters *list.List    // of *waiter, the oldest first
	turn    *list.Element // in line.turns
	index   int           // in line.lengths; -1 when nobody waits
}

func (q *queue) oldest() *waiter { return q.waiters.Front().Value.(*waiter) }
func (q *queue) newest() *waiter { return q.waiters.Back().Value.(*waiter) }

// waiter is a request that waits.
type waiter struct {
	queue   *queue // nil when it waits no longer
	place   *list.Element
	since   time.Time
	number  uint64        // in order of arrival
	settled chan struct{} // closed when outcome holds
	outcome Reason        // 0: it was let in
}

func (w *waiter) settle(outcome Reason) {
	w.outcome = outcome
	close(w.settled)
}

func newLine(limit int) *line {
	return &line{limit: limit, queues: map[caller]*queue{}, turns: list.New()}
}

// makeRoom sees to it that one more request of who can wait. In a full line the newest waiter of the longest queue has
// to go, and is returned; there is no room when that would be the arriving one.
func (l *line) makeRoom(who caller) (victim *waiter, room bool) {
	if l.waiting < l.limit {
		return nil, true
	}
	arriving := 1
	if q := l.queues[who]; q != nil {
		arriving += q.waiters.Len()
	}
	longest := l.lengths[0]
	if arriving >= longest.waiters.Len() {
		return nil, false
	}
	victim = longest.newest()
	l.remove(victim)
	return victim, true
}

// push puts a request at the end of its principal's queue.
func (l *line) push(who caller, now time.Time) *waiter {
	q := l.queues[who]
	if q == nil {
		q = &queue{who: who, waiters: list.New(), index: -1}
		q.turn = l.turns.PushBack(q)
		l.queues[who] = q
	}
	l.arrived++
	w := &waiter{queue: q, since: now, number: l.arrived, settled: make(chan struct{})}
	w.place = q.waiters.PushBack(w)
	l.waiting++
	l.resized(q)
	return w
}

// next takes out the request whose turn it is; nil when nobody waits.
func (l *line) next() *waiter {
	for l.turns.Len() > 0 {
		q := l.turns.Front().Value.(*queue)
		if q.waiters.Len() == 0 {
			l.drop(q)
			continue
		}
		w := q.oldest()
		l.take(w)
		l.turns.MoveToBack(q.turn)
		if q.waiters.Len() == 0 && len(l.queues) > l.limit {
			l.drop(q) // so many principals keep places that one more would be too much to remember
		}
		return w
	}
	return nil
}

// remove takes out a request that will not be let in.
func (l *line) remove(w *waiter) {
	q := w.queue
	l.take(w)
	if q.waiters.Len() == 0 {
		l.drop(q)
	}
}

func (l *line) take(w *waiter) {
	q := w.queue
	q.waiters.Remove(w.place)
	w.queue = nil
	l.waiting--
	l.resized(q)
}

func (l *line) drop(q *queue) {
	l.turns.Remove(q.turn)
	delete(l.queues, q.who)
}

// resized keeps lengths in order.
func (l *line) resized(q *queue) {
	switch {
	case q.waiters.Len() == 0:
		heap.Remove(&l.lengths, q.index)
	case q.index < 0:
		heap.Push(&l.lengths, q)
	default:
		heap.Fix(&l.lengths, q.index)
	}
}

// lengths is a heap of the queues in which somebody waits: the longest is the first, and of several the one that grew
// last. It implements heap.Interface.
type lengths []*queue

func (h lengths) Len() int { return len(h) }

func (h lengths) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.waiters.Len() != b.waiters.Len() {
		return a.waiters.Len() > b.waiters.Len()
	}
	return a.newest().number > b.newest().number
}

func (h lengths) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *lengths) Push(x any) {
	q := x.(*queue)
	q.index = len(*h)
	*h = append(*h, q)
}

func (h *lengths) Pop() any {
	last := len(*h) - 1
	q := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	q.index = -1
	return q
}
