package hsm

import (
	"context"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// findBatch is how many handles one C_FindObjects may return.
const findBatch = 256

// find returns the handles of all objects that match. After an error the search is still active, so the session must
// not be used again; keeps sees to that.
func (t *Token) find(s *session, template ...*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	var found []pkcs11.ObjectHandle
	err := t.listing(func() error {
		var err error
		found, err = t.search(s, template)
		return err
	})
	return found, err
}

func (t *Token) search(s *session, template []*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	p := t.mod.p11
	if err := p.FindObjectsInit(s.handle, template); err != nil {
		return nil, failed("C_FindObjectsInit", err)
	}
	var all []pkcs11.ObjectHandle
	for {
		some, _, err := p.FindObjects(s.handle, findBatch)
		if err != nil {
			return nil, failed("C_FindObjects", err)
		}
		if len(some) == 0 {
			break
		}
		all = append(all, some...)
	}
	return all, failed("C_FindObjectsFinal", p.FindObjectsFinal(s.handle))
}

func (t *Token) findID(s *session, id device.ObjectID) ([]pkcs11.ObjectHandle, error) {
	return t.find(s, pkcs11.NewAttribute(pkcs11.CKA_ID, id[:]))
}

// findProven is findID whose empty answer is evidence: a token that is logged out, or whose store has gone, also
// answers "OK, 0 objects" (measured on SoftHSM 2.6.1).
func (t *Token) findProven(s *session, e *epoch, id device.ObjectID) ([]pkcs11.ObjectHandle, error) {
	found, err := t.findID(s, id)
	if err != nil || len(found) > 0 {
		return found, err
	}
	return nil, t.proveAlive(s, e)
}

// proveAlive fails unless the user is logged in, the token answers, a session key of this epoch works and the expected
// object is seen: so nobody has logged out since the epoch began, and what was found before the proof was found by a
// login. C_GetTokenInfo is what SoftHSM answers with an error from when its directory has gone until it is initialised
// anew, though session keys still work.
func (t *Token) proveAlive(s *session, e *epoch) error {
	if err := t.answers(s, e); err != nil {
		return err
	}
	if _, err := t.mod.p11.GetTokenInfo(t.slot()); err != nil {
		return failed("C_GetTokenInfo", err)
	}
	return t.seeExpected(s, e)
}

// answers is the light part of the proof, which keeps a session alive: it is logged in and opens the canary.
func (t *Token) answers(s *session, e *epoch) error {
	i, err := t.mod.hot.sessionInfo(uint(s.handle))
	if err != nil {
		return err
	}
	if !i.loggedIn() {
		return newError("C_GetSessionInfo", pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return t.openProbeCanary(s, e)
}

// one is the single handle with an id: device.ErrKeyNotFound without any, device.ErrUntrusted with several.
func (t *Token) one(s *session, e *epoch, id device.ObjectID) (pkcs11.ObjectHandle, error) {
	found, err := t.findProven(s, e, id)
	if err != nil {
		return 0, err
	}
	switch len(found) {
	case 0:
		return 0, notFound(id)
	case 1:
		return found[0], nil
	default:
		return 0, untrusted("%d objects have the id %s, where there must be one; compare `keyhold hsm inventory`", len(found), id)
	}
}

// handle is the cached handle of a key, or the one that a search on a session of its own finds.
func (t *Token) handle(ctx context.Context, e *epoch, id device.ObjectID) (pkcs11.ObjectHandle, error) {
	return e.handles.get(ctx, id, func() (pkcs11.ObjectHandle, error) {
		var found pkcs11.ObjectHandle
		err := t.once(ctx, use{epoch: e, run: func(s *session) error {
			h, err := t.one(s, e, id)
			if err != nil {
				return err
			}
			found = h
			return nil
		}})
		if err != nil {
			return 0, err
		}
		return found, nil
	})
}

// attribute reads one attribute; a missing or hidden one is an error of the token.
func (t *Token) attribute(s *session, object pkcs11.ObjectHandle, kind uint) ([]byte, error) {
	got, err := t.mod.p11.GetAttributeValue(s.handle, object, []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
	if err != nil {
		return nil, failed("C_GetAttributeValue", err)
	}
	if len(got) != 1 {
		return nil, newError("C_GetAttributeValue", pkcs11.CKR_GENERAL_ERROR)
	}
	return got[0].Value, nil
}

// HasKey tells whether an object has this id, by asking the token, not the handles it remembers. false is given only
// by a token that was seen alive and logged in; else the error is device.ErrUnavailable or device.ErrLogin.
func (t *Token) HasKey(ctx context.Context, id device.ObjectID) (bool, error) {
	var has bool
	err := t.attempt(ctx, func(e *epoch) error {
		var n int
		err := t.once(ctx, use{epoch: e, calls: 2, run: func(s *session) error {
			found, err := t.findProven(s, e, id)
			n = len(found)
			return err
		}})
		if err == nil {
			has = n > 0
		}
		return err
	})
	return has, err
}
