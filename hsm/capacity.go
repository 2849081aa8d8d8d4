package hsm

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// room counts the token's objects where it is known how many it holds. A full HSM refuses births in its own way, and
// some take other work down with them; so they are refused before.
type room struct {
	most int // 0: no limit is known

	mu     sync.Mutex
	epoch  *epoch // of the count; nil before the first
	taken  int    // at most: births that failed and keys destroyed since count too
	births int    // under way
	begun  int    // births ever
}

// takeRoom counts one birth, or refuses it with device.ErrCapacity. The objects are counted by a listing at the first
// birth of each login and, since others make and destroy objects too, again before a birth is refused.
func (t *Token) takeRoom(ctx context.Context) error {
	if t.room.most == 0 || t.room.take(t.epoch.Load()) {
		return nil
	}
	ended := t.room.ended()
	e, n, err := t.countObjects(ctx)
	if err != nil {
		return err
	}
	t.room.set(e, n, ended)
	if !t.room.take(e) {
		return fmt.Errorf("%w: it has %d objects, besides births under way, and may have %d; destroy keys that are no longer needed, or raise token.max_objects if it holds more",
			device.ErrCapacity, n, t.room.most)
	}
	return nil
}

func (r *room) take(e *epoch) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch != e || e == nil || r.taken >= r.most {
		return false
	}
	r.taken++
	r.births++
	r.begun++
	return true
}

// born ends a birth that take has counted, however it went.
func (r *room) born() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.most != 0 {
		r.births--
	}
}

// ended is how many births have ended, and are seen by a listing that begins now.
func (r *room) ended() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun - r.births
}

// set takes over a listing that began when so many births had ended. It may have missed all others, also those that have
// ended since.
func (r *room) set(e *epoch, listed, ended int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.epoch, r.taken = e, listed+r.begun-ended
}

// countObjects counts the token objects that the login can see.
func (t *Token) countObjects(ctx context.Context) (*epoch, int, error) {
	var of *epoch
	var n int
	err := t.attempt(ctx, func(e *epoch) error {
		var found []pkcs11.ObjectHandle
		err := t.once(ctx, use{epoch: e, calls: 2, run: func(s *session) error {
			var err error
			if found, err = t.find(s, pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true)); err != nil {
				return err
			}
			return t.proveAlive(s, e)
		}})
		if err == nil {
			of, n = e, len(found)
		}
		return err
	})
	return of, n, err
}

// explainBirth adds what the row knows about births that fail without a reason. CKR_FUNCTION_FAILED means a full disk on
// SoftHSM; where the row knows better, it is a failure that may pass.
func (t *Token) explainBirth(err error) error {
	var e *Error
	if t.prof.birthHint == "" || !errors.As(err, &e) || errors.Is(err, device.ErrUntrusted) {
		return err
	}
	switch e.Code {
	case pkcs11.CKR_FUNCTION_FAILED, pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_OBJECT_HANDLE_INVALID:
		return fmt.Errorf("%w; %s", &Error{Function: e.Function, Code: e.Code, Class: ClassDevice}, t.prof.birthHint)
	default:
		return err
	}
}
