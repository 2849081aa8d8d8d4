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
}

type finding struct {
	done   chan struct{}
	handle pkcs11.ObjectHandle
	err    error
}

func newHandles() *handles {
	return &handles{known: map[device.ObjectID]pkcs11.ObjectHandle{}, finding: map[device.ObjectID]*finding{}}
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
			f = &finding{done: make(chan struct{})}
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
		h.known[id] = f.handle
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

// forget drops whatever is known of an id.
func (h *handles) forget(id device.ObjectID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.known, id)
}

func (h *handles) learn(id device.ObjectID, handle pkcs11.ObjectHandle) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known[id] = handle
}

// learnAll adds what a listing found. What is known already was found for itself.
func (h *handles) learnAll(found map[device.ObjectID]pkcs11.ObjectHandle) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, handle := range found {
		if _, ok := h.known[id]; !ok {
			h.known[id] = handle
		}
	}
}

func (h *handles) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.known)
}
