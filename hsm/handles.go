package hsm

import (
	"context"
	"errors"
	"sync"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// handles remembers object handles by id for one epoch. A find costs 25 µs for each object of a SoftHSM
// (measured on 2.6.1), so each id is found once, by one request while the others wait for it.
type handles struct {
	mu      sync.Mutex
	known   map[device.ObjectID]pkcs11.ObjectHandle
	finding map[device.ObjectID]*finding
	// forgets counts what was forgotten, and forgot is the count at which each id was last: what was found before may be
	// of a key that has been destroyed since, whose handle some tokens give to the next. Of those that forgot has become
	// too long for, the last was at allForgot.
	forgets, allForgot uint64
	forgot             map[device.ObjectID]uint64
}

// mostForgot bounds what is kept of destroyed keys. A search that has lasted for so many destructions is learned nothing
// from: each id is then found by itself.
const mostForgot = 4096

type finding struct {
	mark   uint64
	done   chan struct{}
	handle pkcs11.ObjectHandle
	err    error
}

func newHandles() *handles {
	return &handles{known: map[device.ObjectID]pkcs11.ObjectHandle{}, finding: map[device.ObjectID]*finding{}, forgot: map[device.ObjectID]uint64{}}
}

// get returns the handle that is known, or what find finds. One find runs for an id at a time.
func (h *handles) get(ctx context.Context, id device.ObjectID, find func() (pkcs11.ObjectHandle, error)) (pkcs11.ObjectHandle, error) {
	for {
		h.mu.Lock()
		if known, ok := h.known[id]; ok {
			h.mu.Unlock()
			return known, nil
		}
		f, ok := h.finding[id]
		if !ok {
			f = &finding{mark: h.forgets, done: make(chan struct{})}
			h.finding[id] = f
			h.mu.Unlock()
			return h.lead(id, f, find)
		}
		h.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return 0, busyOr(ctx.Err())
		}
		// The leader's own context or patience is not ours.
		if !leaderGaveUp(f.err) {
			return f.handle, f.err
		}
	}
}

func leaderGaveUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, device.ErrBusy)
}

func (h *handles) lead(id device.ObjectID, f *finding, find func() (pkcs11.ObjectHandle, error)) (pkcs11.ObjectHandle, error) {
	f.handle, f.err = find()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.finding, id)
	if f.err == nil {
		h.learnLocked(id, f.handle, f.mark)
	}
	close(f.done)
	return f.handle, f.err
}

// drop forgets a handle that turned out stale, unless a newer one has taken its place.
func (h *handles) drop(id device.ObjectID, stale pkcs11.ObjectHandle) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known[id] == stale {
		delete(h.known, id)
	}
}

// peek is the handle that is known.
func (h *handles) peek(id device.ObjectID) (pkcs11.ObjectHandle, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known, ok := h.known[id]
	return known, ok
}

// forget drops whatever is known of an id, and whatever is being found out.
func (h *handles) forget(id device.ObjectID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.known, id)
	if len(h.forgot) >= mostForgot {
		clear(h.forgot)
		h.allForgot = h.forgets
	}
	h.forgets++
	h.forgot[id] = h.forgets
}

// mark is the time before a search, which what it finds is learned with.
func (h *handles) mark() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.forgets
}

func (h *handles) learn(id device.ObjectID, handle pkcs11.ObjectHandle, mark uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.learnLocked(id, handle, mark)
}

func (h *handles) learnLocked(id device.ObjectID, handle pkcs11.ObjectHandle, mark uint64) {
	if max(h.allForgot, h.forgot[id]) <= mark {
		h.known[id] = handle
	}
}

// learnAll adds what a listing found. What is known already was found for itself.
func (h *handles) learnAll(found map[device.ObjectID]pkcs11.ObjectHandle, mark uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, handle := range found {
		if _, ok := h.known[id]; !ok {
			h.learnLocked(id, handle, mark)
		}
	}
}

func (h *handles) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.known)
}
