package hsm

import (
	"math/rand/v2"
	"time"
)

// backoff spaces attempts at one thing: the second may come after least, and each further one after twice as long, up
// to most. A success shortens the pause to least again, but does not skip it: what works and fails at once by turns is
// not attempted all the time.
type backoff struct {
	least, most time.Duration
	pause       time.Duration
	next        time.Time
}

func (b *backoff) due(now time.Time) bool { return !now.Before(b.next) }

// spend counts an attempt.
func (b *backoff) spend(now time.Time) {
	b.pause = min(max(2*b.pause, b.least), b.most)
	b.next = now.Add(jitter(b.pause))
}

func (b *backoff) succeed() { b.pause = 0 }

// within allows the next attempt after at most that long.
func (b *backoff) within(now time.Time, most time.Duration) {
	if soon := now.Add(jitter(most)); b.next.After(soon) {
		b.next = soon
	}
}

// rest counts an attempt after which another is not expected to help.
func (b *backoff) rest(now time.Time, least time.Duration) {
	b.pause = max(b.pause, least)
	b.next = now.Add(jitter(b.pause))
}

// jitter shortens a pause by up to a quarter, so that the servers of one HSM do not come all at once.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/4+1))
}
