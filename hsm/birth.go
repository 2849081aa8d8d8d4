package hsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// birthCalls is how many slow calls a birth may take: CloudHSM clones a new key to a second HSM.
const birthCalls = 6

func notFound(id device.ObjectID) error {
	return fmt.Errorf("%w: %s", device.ErrKeyNotFound, id)
}

// GenerateKey makes a token key, reads its attributes back and returns how it encrypts; the Cipher is zero for
// PurposeMAC. An id that is in use is refused with device.ErrUnsupported. A key that breaks a rule is destroyed, and
// the error is device.ErrUntrusted. After any other error the object may or may not exist: DestroyKey settles it.
func (t *Token) GenerateKey(ctx context.Context, spec device.KeySpec) (device.Cipher, error) {
	kind, err := t.kindOf(spec.Purpose)
	if err != nil {
		return device.Cipher{}, err
	}
	if spec.ID.IsZero() {
		return device.Cipher{}, unsupported("a key needs an id")
	}
	if err := t.mustBeFree(ctx, spec.ID); err != nil {
		return device.Cipher{}, err
	}
	if err := t.takeRoom(ctx); err != nil {
		return device.Cipher{}, err
	}
	defer t.room.born()
	template := append(kind.template(spec.Purpose, t.options, true),
		pkcs11.NewAttribute(pkcs11.CKA_ID, spec.ID[:]), pkcs11.NewAttribute(pkcs11.CKA_LABEL, spec.Label))
	if err := t.bear(ctx, kind, template, spec); err != nil {
		return device.Cipher{}, t.explainBirth(err)
	}
	if spec.Purpose == device.PurposeWrap {
		return t.cipher, nil
	}
	return device.Cipher{}, nil
}

// mustBeFree refuses an id that an object has: NSS would replace that object without a word, other tokens keep both
// (measured on NSS 3.87 and SoftHSM 2.6.1). It is asked before the birth, when a lost login can still be made good, and again by the
// birth itself, when nobody else is making keys.
func (t *Token) mustBeFree(ctx context.Context, id device.ObjectID) error {
	has, err := t.HasKey(ctx, id)
	if err == nil && has {
		return idInUse(id)
	}
	return err
}

func idInUse(id device.ObjectID) error {
	return unsupported("an object with the id %s exists already, and ids are never used twice", id)
}

// errNothingMade: C_GenerateKey answered an error, and the token, seen to be healthy, has no object with the id; or it
// made half of one, which is destroyed.
var errNothingMade = errors.New("nothing was made")

// bear generates, and once more when the token made nothing that is left. What such an attempt has left without an id
// is removed where the token is ours alone.
func (t *Token) bear(ctx context.Context, kind keyKind, template []*pkcs11.Attribute, spec device.KeySpec) error {
	err := t.bearOnce(ctx, kind, template, spec)
	if !errors.Is(err, errNothingMade) || ctx.Err() != nil {
		return err
	}
	if t.Exclusive() {
		if err := t.removeNameless(ctx); err != nil {
			t.log.Warn("remove what a key birth may have left", "token", t.info.Label, "error", err)
		}
	}
	return t.bearOnce(ctx, kind, template, spec)
}

// removeNameless destroys half-made keys without an id. A birth under way has none to lose: each object is looked at
// again while no birth is.
func (t *Token) removeNameless(ctx context.Context) error {
	objects, err := t.HalfMade(ctx)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if len(o.ID) > 0 {
			continue
		}
		if err := t.DestroyDebris(ctx, o); err != nil && !errors.Is(err, device.ErrUnsupported) {
			return err
		}
	}
	return nil
}

// bearOnce generates once. Whatever fails, the id is looked for: an error of C_GenerateKey may leave the key behind
// (SoftHSM under load, and any reply that is lost).
func (t *Token) bearOnce(ctx context.Context, kind keyKind, template []*pkcs11.Attribute, spec device.KeySpec) error {
	x := expectation{id: spec.ID, purpose: spec.Purpose, origin: device.OriginGenerated, token: true}
	b := &birth{generator: kind.generator, template: template}
	err := t.alone(ctx, birthCalls, func(s *session, e *epoch) error {
		if twin, err := t.findID(s, spec.ID); err != nil || len(twin) > 0 {
			return cmp.Or(err, idInUse(spec.ID))
		}
		h, err := t.generateAlone(s, b)
		if refusesTemplate(err) {
			h, err = t.generateAgain(s, e, b, spec.ID)
		}
		if err != nil {
			return err
		}
		return t.accept(s, e, h, x)
	})
	// What was not tried has left no object behind: one that is found would be another birth's.
	if tried := b.leave(); err == nil || !tried || errors.Is(err, device.ErrUntrusted) || (classIn(err) == 0 && !errors.Is(err, errOver)) {
		return err
	}
	t.log.Warn("a key birth failed; its id is looked for", "token", t.info.Label, "id", spec.ID.String(), "error", err)
	if t.repair(ctx, t.epoch.Load(), asSessionLoss(err), false) != nil {
		return err
	}
	return t.settle(ctx, x, err)
}

// generateAgain is the second word on a template that the token has refused. SoftHSM answers CKR_TEMPLATE_INCONSISTENT now
// and then when others list objects meanwhile; a template that is really refused is refused twice.
func (t *Token) generateAgain(s *session, e *epoch, b *birth, id device.ObjectID) (pkcs11.ObjectHandle, error) {
	half, err := t.findID(s, id)
	if err != nil {
		return 0, err
	}
	for _, h := range half {
		if err := t.destroy(s, e, h); err != nil {
			return 0, err
		}
	}
	return t.generateAlone(s, b)
}

// generateAlone makes a token object while nobody lists the objects.
func (t *Token) generateAlone(s *session, b *birth) (pkcs11.ObjectHandle, error) {
	var h pkcs11.ObjectHandle
	err := t.changing(func() error {
		if !b.begin() {
			return errOver
		}
		var err error
		h, err = t.generate(s, b.generator, b.template)
		return err
	})
	return h, err
}

// birth is one call of C_GenerateKey, or two, which its caller may leave.
type birth struct {
	generator   uint
	template    []*pkcs11.Attribute
	tried, left atomic.Bool
}

// begin tells, right before C_GenerateKey, whether anybody still waits. A key for nobody would be debris, and room has
// stopped counting it.
func (b *birth) begin() bool {
	b.tried.Store(true)
	return !b.left.Load()
}

// leave lets no more calls begin, and tells whether one may have.
func (b *birth) leave() (tried bool) {
	b.left.Store(true)
	return b.tried.Load()
}

// asSessionLoss makes repair look after the login whatever the class: the next step is only a search.
func asSessionLoss(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return &Error{Function: e.Function, Code: e.Code, Class: ClassSession}
	}
	return err
}

// settle looks for the object of a birth that answered an error: a whole key is taken, a broken one destroyed.
func (t *Token) settle(ctx context.Context, x expectation, birth error) error {
	err := t.alone(ctx, birthCalls, func(s *session, e *epoch) error {
		found, err := t.findProven(s, e, x.id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return errNothingMade
		}
		if len(found) != 1 {
			return birth
		}
		return t.accept(s, e, found[0], x)
	})
	switch {
	case errors.Is(err, device.ErrUntrusted) || err == nil:
		return err
	case errors.Is(err, errNothingMade):
		return fmt.Errorf("%w (%w)", birth, errNothingMade)
	}
	return birth
}

// accept reads a new key back and destroys it when it breaks a rule. One without a value breaks none that custody depends
// on, since nobody can use it: SoftHSM makes such now and then when others list objects meanwhile.
func (t *Token) accept(s *session, e *epoch, h pkcs11.ObjectHandle, x expectation) error {
	mark := e.handles.mark()
	err := t.readBack(s, e, h, x)
	if err == nil {
		e.handles.learn(x.id, h, mark)
		return nil
	}
	if !errors.Is(err, device.ErrUntrusted) {
		return err
	}
	if derr := t.destroyObject(s, e, h); errors.Is(derr, errOver) {
		return derr
	} else if derr != nil {
		return fmt.Errorf("%w; destroying it again was answered with %s, so destroy the object %s by hand", err, derr.Error(), x.id)
	}
	if halfMade(err) {
		return fmt.Errorf("%w (%w)", unavailable("the token made only half of the key %s, which has been destroyed; try again", x.id), errNothingMade)
	}
	return fmt.Errorf("%w; it has been destroyed", err)
}

// alone is once for changes of the token's objects, one at a time: SoftHSM fails, and leaves half objects, when two
// threads make keys (pitfalls, section 5).
func (t *Token) alone(ctx context.Context, calls int, run func(s *session, e *epoch) error) error {
	wait, cancel := context.WithTimeout(ctx, t.limit(calls))
	defer cancel()
	if err := t.changes.take(wait); err != nil {
		return fmt.Errorf("%w: another change of the token's objects has not ended", busyOr(err))
	}
	end := sync.OnceFunc(t.changes.give)
	if err := t.admit(ctx); err != nil {
		end()
		return err
	}
	e := t.epoch.Load()
	s, err := t.session(ctx)
	if err != nil {
		end()
		return err
	}
	// A request that has been waiting may have ended meanwhile.
	if err := ctx.Err(); err != nil {
		end()
		t.pool.give(s)
		return err
	}
	// The flight may end without run, when its epoch has: it is late that ends the turn then.
	left, err := t.flyOn(ctx, s, use{epoch: e, calls: calls, late: end, run: func(s *session) error { return run(s, e) }})
	if !left {
		end()
		t.pool.give(s)
	}
	return err
}

// DestroyKey destroys every object with this id. nil: there is none now, by HasKey's standard of evidence.
func (t *Token) DestroyKey(ctx context.Context, id device.ObjectID) error {
	if expected := t.expected.Load(); expected != nil && *expected == id {
		t.expected.CompareAndSwap(expected, nil) // unless another is expected by now
	}
	return t.attempt(ctx, func(*epoch) error {
		return t.alone(ctx, birthCalls, func(s *session, e *epoch) error {
			defer e.handles.forget(id) // also what was found before the end of the object
			found, err := t.findProven(s, e, id)
			if err != nil {
				return err
			}
			for _, h := range found {
				if err := t.destroy(s, e, h); err != nil {
					return err
				}
			}
			if len(found) == 0 {
				return nil
			}
			return t.mustBeGone(s, e, id)
		})
	})
}

// destroyObject destroys nothing by a handle of an epoch that has ended: it may be another object's by then. nil: the
// object is the session's own.
func (t *Token) destroyObject(s *session, e *epoch, h pkcs11.ObjectHandle) error {
	return t.changing(func() error {
		if e != nil && !t.isCurrent(e) {
			return errOver
		}
		return failed("C_DestroyObject", t.mod.p11.DestroyObject(s.handle, h))
	})
}

// destroy is C_DestroyObject; an object that is gone already is as good.
func (t *Token) destroy(s *session, e *epoch, h pkcs11.ObjectHandle) error {
	err := t.destroyObject(s, e, h)
	if isOneOf(err, pkcs11.CKR_OBJECT_HANDLE_INVALID) {
		return nil
	}
	return err
}

func (t *Token) mustBeGone(s *session, e *epoch, id device.ObjectID) error {
	left, err := t.findProven(s, e, id)
	if err == nil && len(left) > 0 {
		return untrusted("the token says that it destroyed the object %s, and still finds it", id)
	}
	return err
}
