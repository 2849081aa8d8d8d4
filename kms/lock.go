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

// lockTargets locks what a mutation is about to change, for a caller who is let through to it. Who is not neither holds up
// who is, nor finds out by waiting that there is something to wait for.
func (c *Call) lockTargets(ctx context.Context, targets []Target, in Input) (func(), error) {
	if err := c.let(ctx, targets, in); err != nil {
		return nil, err
	}
	var names []string
	for i := range c.targets {
		switch t := &c.targets[i]; {
		case t.kind == aliasOnly:
			names = append(names, t.ref, string(t.key.ID()))
		case t.kind == byARN:
			names = append(names, t.resource(c))
		case t.key != nil:
			names = append(names, string(t.key.ID()))
		case t.principal != nil:
			names = append(names, string(t.principal.row.ID))
		}
	}
	unlock, err := c.service.locks.lock(ctx, names...)
	if err != nil {
		return nil, api.Throttling()
	}
	return unlock, nil
}
