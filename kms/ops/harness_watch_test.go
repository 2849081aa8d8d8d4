package ops_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// watch stands between a service and its token and store, and notes what is done for a caller after something was taken
// away from it. A request of that caller has its context marked.
type watch struct {
	revoked atomic.Bool // the call that took it away has returned
	mu      sync.Mutex
	late    []string
}

type marked struct{}

func mark(ctx context.Context) context.Context { return context.WithValue(ctx, marked{}, true) }

func (w *watch) note(ctx context.Context, revoked bool, what string) {
	if revoked && ctx.Value(marked{}) != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.late = append(w.late, what)
	}
}

func (w *watch) none(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.late) > 0 {
		t.Errorf("on the old state was done: %v", w.late)
	}
}

type watchedToken struct {
	kms.Device
	watch *watch
}

// watching is a guard of which it is noted that it let a token call through that begins after the revocation.
func (d *watchedToken) watching(ctx context.Context, guard func() error, call string) func() error {
	if guard == nil {
		return nil
	}
	return func() error {
		revoked := d.watch.revoked.Load()
		err := guard()
		if err == nil {
			d.watch.note(ctx, revoked, call)
		}
		return err
	}
}

func (d *watchedToken) Encrypt(ctx context.Context, req device.EncryptRequest) (device.Sealed, error) {
	req.Guard = d.watching(ctx, req.Guard, "token.Encrypt")
	return d.Device.Encrypt(ctx, req)
}

func (d *watchedToken) Decrypt(ctx context.Context, req device.DecryptRequest) ([]byte, error) {
	req.Guard = d.watching(ctx, req.Guard, "token.Decrypt")
	return d.Device.Decrypt(ctx, req)
}

type watchedStore struct {
	kms.Store
	watch *watch
}

// Apply of what has an event is a change that somebody asked for; the service itself reserves encryptions without one.
func (s *watchedStore) Apply(ctx context.Context, c kms.Change) error {
	revoked := s.watch.revoked.Load()
	err := s.Store.Apply(ctx, c)
	if err == nil && len(c.Events) > 0 {
		s.watch.note(ctx, revoked, "store.Apply")
	}
	return err
}

func newWatchedStage(t *testing.T) (*stage, *watch) {
	t.Helper()
	w := &watch{}
	s := newStage(t, func(c *kms.Config) {
		c.Device, c.Store = &watchedToken{c.Device, w}, &watchedStore{c.Store, w}
	})
	return s, w
}

// taken makes the call that takes the access away, and notes that it has returned.
func (w *watch) taken(t *testing.T, a access) {
	t.Helper()
	if err := a.revoke(); err != nil {
		t.Error(err)
	}
	w.revoked.Store(true)
}
