package kms

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// freshness tells whether a snapshot is still the newest. Every kind of snapshot has one.
type freshness struct{ replaced atomic.Bool }

func (f *freshness) expire()     { f.replaced.Store(true) }
func (f *freshness) stale() bool { return f.replaced.Load() }

// snapshot is immutable but for its freshness.
type snapshot interface {
	comparable
	expire()
	stale() bool
}

const (
	// cacheLimit is how many snapshots of most kinds are kept. Beyond it one of them, whichever, makes room: a directory
	// with more keys in use than that reads some of them again.
	cacheLimit = 1 << 16
	// cacheStamps is how many counters of invalidations there are; ids share them by hash.
	cacheStamps = 1 << 8
)

// cache holds the newest snapshots of one kind. A stamp grows with every invalidation of an id, so that a slow load
// cannot store what a change made stale, and a change of one id hardly ever holds up the loads of others.
type cache[K comparable, V snapshot] struct {
	seed  maphash.Seed
	limit int

	mu      sync.RWMutex
	entries map[K]V
	stamps  [cacheStamps]uint64
}

func newCache[K comparable, V snapshot](limit int) *cache[K, V] {
	return &cache[K, V]{seed: maphash.MakeSeed(), limit: limit, entries: map[K]V{}}
}

func (c *cache[K, V]) stamp(id K) *uint64 {
	return &c.stamps[maphash.Comparable(c.seed, id)%cacheStamps]
}

// get returns the snapshot of id, loading it on a miss. A load that an invalidation overtook is repeated.
func (c *cache[K, V]) get(ctx context.Context, id K, load func() (V, error)) (V, error) {
	for {
		c.mu.RLock()
		v, found := c.entries[id]
		stamp := *c.stamp(id)
		c.mu.RUnlock()
		if found {
			return v, nil
		}
		v, err := load()
		if err == nil {
			v, found = c.put(id, v, stamp)
			if found {
				return v, nil
			}
			err = ctx.Err()
		}
		if err != nil {
			var none V
			return none, err
		}
	}
}

// peek returns the snapshot of id if there is one.
func (c *cache[K, V]) peek(id K) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, found := c.entries[id]
	return v, found
}

// put stores what was loaded, unless the id was invalidated since stamp, and returns what stands there now.
func (c *cache[K, V]) put(id K, v V, stamp uint64) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *c.stamp(id) != stamp {
		return v, false
	}
	if earlier, ok := c.entries[id]; ok {
		return earlier, true
	}
	if len(c.entries) >= c.limit {
		c.evictLocked()
	}
	c.entries[id] = v
	return v, true
}

// evictLocked makes room. Who still holds the snapshot is told, because an invalidation would not find it any more.
func (c *cache[K, V]) evictLocked() {
	for id, v := range c.entries {
		v.expire()
		delete(c.entries, id)
		return
	}
}

// drop invalidates the snapshot of id.
func (c *cache[K, V]) drop(id K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.entries[id]; ok {
		v.expire()
		delete(c.entries, id)
	}
	*c.stamp(id)++
}

// clear invalidates every snapshot.
func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.entries {
		v.expire()
	}
	clear(c.entries)
	for i := range c.stamps {
		c.stamps[i]++
	}
}
