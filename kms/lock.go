package kms

import (
	"context"
	"slices"
	"sync"

	"github.com/keyhold/keyhold/kms/api"
)

// nameLocks serialises mutations of the same key or alias, so that they queue instead of conflicting in the store.
type nameLocks struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed on release
}

func newNameLocks() *nameLocks { return &nameLocks{held: map[string]chan struct{}{}} }

// lock takes every name, in one order for all, or gives up with the context's error.
func (l *nameLocks) lock(ctx context.Context, names ...string) (unlock func(), err error) {
	slices.Sort(names)
	names = slices.Compact(names)
	taken := make([]string, 0, len(names))
	unlock = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, name := range taken {
			close(l.held[name])
			delete(l.held, name)
		}
	}
	for _, name := range names {
		if err := l.one(ctx, name); err != nil {
			unlock()
			return nil, err
		}
		taken = append(taken, name)
	}
	return unlock, nil
}

func (l *nameLocks) one(ctx context.Context, name string) error {
	for {
		l.mu.Lock()
		held, busy := l.held[name]
		if !busy {
			l.held[name] = make(chan struct{})
		}
		l.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lockTargets locks what a mutation is about to change. What cannot be resolved needs no lock: load says why.
func (c *Call) lockTargets(ctx context.Context, targets []Target) (func(), error) {
	var names []string
	for _, t := range targets {
		switch t.kind {
		case noKey, ofHome:
			continue
		case aliasOnly:
			names = append(names, t.ref)
		case byARN:
			names = append(names, t.arnOf(c.service.realm, c.caller.Account))
		}
		r, err := c.resolve(ctx, t)
		if err == nil && r.key != nil {
			names = append(names, string(r.key.ID()))
		}
		if err == nil && r.principal != nil {
			names = append(names, string(r.principal.row.ID))
		}
	}
	unlock, err := c.service.locks.lock(ctx, names...)
	if err != nil {
		return nil, api.Throttling()
	}
	return unlock, nil
}
