package hsm

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// session is one open session. Whoever took it from the pool uses it alone.
type session struct {
	handle pkcs11.SessionHandle
	life   uint64 // of the module when it was opened
	closed bool   // by discard, on the flight's goroutine
	round  uint64 // of the pool, when it was last given back
}

// pool hands out sessions, at most limit at a time, first come first served. It calls no token: it keeps permits, and
// the sessions that wait for the next holder of a permit.
type pool struct {
	limit int
	stuck int // so many lost calls end the service, lest the threads behind them pile up

	mu      sync.Mutex
	out     int // permits held
	lost    int // calls that have not returned; their permits were given back, so that others can work
	idle    []*session
	waiters list.List // of *waiter, oldest first
	round   uint64    // counts rounds of proofs of life
	closed  bool
	drained chan struct{} // closed when the pool is closed and no permit is held
}

// waiter gets nil with a permit, or why there will be none.
type waiter struct{ answer chan error }

func newPool(limit, stuck int) *pool {
	return &pool{limit: limit, stuck: stuck, drained: make(chan struct{})}
}

// take waits for a permit and returns an idle session, or nil when the holder has to open one. It waits until the
// context ends or patience is over: device.ErrBusy, or the context's error when it was cancelled.
func (p *pool) take(ctx context.Context, patience time.Duration) (*session, error) {
	p.mu.Lock()
	if err := p.refusalLocked(); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	if p.out < p.limit {
		p.out++
		s := p.idleLocked()
		p.mu.Unlock()
		return s, nil
	}
	w := &waiter{answer: make(chan error, 1)}
	place := p.waiters.PushBack(w)
	p.mu.Unlock()

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-w.answer:
		return p.takeIdle(err)
	case <-ctx.Done():
		return p.leave(w, place, busyOr(ctx.Err()))
	case <-timer.C:
		return p.leave(w, place, fmt.Errorf("%w: waited %v", device.ErrBusy, patience))
	}
}

// busyOr turns an expired deadline into device.ErrBusy; a cancellation stays one.
func busyOr(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return device.ErrBusy
	}
	return err
}

func (p *pool) takeIdle(err error) (*session, error) {
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.idleLocked(), nil
}

// leave gives up the place in the queue. A permit that came at the same moment goes to the next.
func (p *pool) leave(w *waiter, place *list.Element, why error) (*session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case err := <-w.answer:
		if err == nil {
			p.passOnLocked()
		}
	default:
		p.waiters.Remove(place)
	}
	return nil, why
}

func (p *pool) refusalLocked() error {
	if p.closed {
		return unavailable("it is closed")
	}
	if p.lost >= p.stuck {
		return unavailable("%d calls have not returned, and no more are risked", p.lost)
	}
	return nil
}

func (p *pool) idleLocked() *session {
	if len(p.idle) == 0 {
		return nil
	}
	s := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return s
}

// give returns the permit, and the session unless it is nil or was discarded.
func (p *pool) give(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s != nil && !s.closed {
		s.round = p.round
		p.idle = append(p.idle, s)
	}
	p.passOnLocked()
}

// nextRound begins a round of proofs.
func (p *pool) nextRound() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.round++
}

// takeRested takes a session that nobody has used in this round, and a permit; nil when there is none. It waits for
// nobody: who waits in the queue comes first.
func (p *pool) takeRested() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.out >= p.limit || len(p.idle) == 0 || p.idle[0].round >= p.round {
		return nil
	}
	s := p.idle[0] // the lowest of the stack has rested longest
	p.idle = append(p.idle[:0:0], p.idle[1:]...)
	p.out++
	return s
}

// passOnLocked hands a permit to the oldest waiter, or puts it back.
func (p *pool) passOnLocked() {
	front := p.waiters.Front()
	if front == nil {
		p.out--
		p.noteDrainedLocked()
		return
	}
	p.waiters.Remove(front).(*waiter).answer <- nil
}

// lose counts a call that does not return and gives its permit to the next, with a session of its own: a call that
// hangs takes nothing from the pool. When too many are lost, nobody waits any longer. full tells that this one was it.
func (p *pool) lose() (full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passOnLocked()
	return p.countLostLocked()
}

// strand is lose for a call without a permit.
func (p *pool) strand() (full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.countLostLocked()
}

func (p *pool) countLostLocked() (full bool) {
	p.lost++
	if err := p.refusalLocked(); err != nil {
		p.refuseWaitersLocked(err)
	}
	return p.lost >= p.stuck
}

// full tells that too many calls are lost.
func (p *pool) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost >= p.stuck
}

// recover counts a lost call that has returned after all.
func (p *pool) recover() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost--
}

func (p *pool) refuseWaitersLocked(err error) {
	for e := p.waiters.Front(); e != nil; e = p.waiters.Front() {
		p.waiters.Remove(e).(*waiter).answer <- err
	}
}

// flush takes all idle sessions away, for the caller to close.
func (p *pool) flush() []*session {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle
	p.idle = nil
	return idle
}

// close refuses everybody from now on; false when it was closed before. drained is closed once all have finished.
func (p *pool) close() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.closed = true
	p.refuseWaitersLocked(p.refusalLocked())
	p.noteDrainedLocked()
	return true
}

// noteDrainedLocked can find out only once: a closed pool hands out no more permits.
func (p *pool) noteDrainedLocked() {
	if p.closed && p.out == 0 {
		close(p.drained)
	}
}

// PoolStatus counts sessions.
type PoolStatus struct {
	Limit   int `json:"limit"` // sessions that may be in use at a time
	InUse   int `json:"inUse"`
	Idle    int `json:"idle"`
	Waiting int `json:"waiting"` // requests in the queue
	Lost    int `json:"lost"`    // calls that have not returned, each with its session
	Stuck   int `json:"stuck"`   // so many lost calls end the service
}

func (p *pool) status() PoolStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PoolStatus{Limit: p.limit, InUse: p.out, Idle: len(p.idle), Waiting: p.waiters.Len(), Lost: p.lost, Stuck: p.stuck}
}
