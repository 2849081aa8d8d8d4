package admission

import (
	"container/list"
	"fmt"
	"math"
	"time"
)

// The bounds of a Rate.
const (
	minPerSecond = 0.001
	maxPerSecond = 1_000_000
	maxBurst     = 1_000_000
)

// Rate is how often something may happen: a token bucket.
type Rate struct {
	// PerSecond is how many tokens come into the bucket each second, from 0.001 to 1,000,000. 0: there is no limit.
	PerSecond float64
	// Burst is how many tokens the bucket holds, at most 1,000,000. 0: those of one second, one at least.
	Burst int
}

// Rates are the limits of requests; a request must keep to all that concern it. The ones over their rate are refused at
// once, and take nothing from any bucket.
type Rates struct {
	Account   Rate           // of each account
	Principal Rate           // of each principal
	Class     map[Class]Rate // of each account, for the operations of a class, as AWS's request quotas are
}

// limits are Rates with their buckets. Whoever uses them holds the Gate's lock.
type limits struct {
	account   *limiter // nil: there is no limit
	principal *limiter
	class     map[Class]*limiter
}

func newLimits(r Rates, remember int) (limits, error) {
	account, err := newLimiter("account", r.Account, remember)
	if err != nil {
		return limits{}, err
	}
	principal, err := newLimiter("principal", r.Principal, remember)
	if err != nil {
		return limits{}, err
	}
	class := map[Class]*limiter{}
	for c, rate := range r.Class {
		if !c.valid() {
			return limits{}, fmt.Errorf("the rate of class %d is that of no class: use Symmetric to Read", int(c))
		}
		if class[c], err = newLimiter(c.String(), rate, remember); err != nil {
			return limits{}, err
		}
	}
	return limits{account, principal, class}, nil
}

// take takes a token from each bucket that concerns the request, or none when one of them is empty.
func (l *limits) take(t Ticket, now int64) Reason {
	account, principal := caller{t.Account, ""}, caller{t.Account, t.Principal}
	class := l.class[t.Class]
	switch {
	case !l.account.has(account, now):
		return AccountRate
	case !class.has(account, now):
		return ClassRate
	case !l.principal.has(principal, now):
		return PrincipalRate
	}
	l.account.take(account, now)
	class.take(account, now)
	l.principal.take(principal, now)
	return 0
}

func (l *limits) buckets() int {
	n := l.account.len() + l.principal.len()
	for _, class := range l.class {
		n += class.len()
	}
	return n
}

// limiter is the buckets of one rate. Times are nanoseconds since the Gate was made. A nil limiter limits nothing.
type limiter struct {
	interval int64 // between two tokens
	depth    int64 // the time in which an empty bucket fills
	remember int
	buckets  map[caller]*list.Element
	order    *list.List // of *bucket, the one last used first
}

// bucket is known by when it is full again; a full one need not be remembered.
type bucket struct {
	whose caller
	full  int64
}

func newLimiter(name string, r Rate, remember int) (*limiter, error) {
	if r == (Rate{}) {
		return nil, nil
	}
	if !(r.PerSecond >= minPerSecond && r.PerSecond <= maxPerSecond) {
		return nil, fmt.Errorf("the %s rate is %v a second: choose one from %v to %d, or 0 and no burst for no limit",
			name, r.PerSecond, minPerSecond, maxPerSecond)
	}
	if r.Burst < 0 || r.Burst > maxBurst {
		return nil, fmt.Errorf("the %s rate has a burst of %d: choose one from 1 to %d, or 0 for that of one second",
			name, r.Burst, maxBurst)
	}
	if r.Burst == 0 {
		r.Burst = max(1, int(r.PerSecond))
	}
	interval := int64(math.Round(float64(time.Second) / r.PerSecond))
	return &limiter{interval: interval, depth: interval * int64(r.Burst), remember: remember,
		buckets: map[caller]*list.Element{}, order: list.New()}, nil
}

// has tells whether there is a token.
func (l *limiter) has(whose caller, now int64) bool {
	if l == nil {
		return true
	}
	at := l.buckets[whose]
	if at == nil {
		return true
	}
	b := at.Value.(*bucket)
	b.full = min(b.full, now+l.depth) // a clock that was set back empties the bucket, and does no more
	return max(b.full, now)+l.interval <= now+l.depth
}

// take takes the token that there is.
func (l *limiter) take(whose caller, now int64) {
	if l == nil {
		return
	}
	if at := l.buckets[whose]; at != nil {
		b := at.Value.(*bucket)
		b.full = max(b.full, now) + l.interval
		l.order.MoveToFront(at)
	} else {
		l.buckets[whose] = l.order.PushFront(&bucket{whose, now + l.interval})
	}
	l.forget(now)
}

// forget lets go of buckets that were not used for the longest time: of two if they are full, which makes the limiter
// smaller faster than it grows, and of one in any case when there are too many.
func (l *limiter) forget(now int64) {
	for range 2 {
		at := l.order.Back()
		if b := at.Value.(*bucket); b.full > now && l.order.Len() <= l.remember {
			return
		}
		delete(l.buckets, l.order.Remove(at).(*bucket).whose)
	}
}

func (l *limiter) len() int {
	if l == nil {
		return 0
	}
	return l.order.Len()
}
