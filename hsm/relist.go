package hsm

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

// relistBatch is how many objects are asked for their ids in one flight, so that requests come between.
const relistBatch = 64

// relistLater lists the keys of a new epoch beside the requests, so that a token with many keys is back as soon as one
// with few. What is asked for meanwhile is found by itself. Open waits for its own listing.
func (t *Token) relistLater(c *climb) {
	e := c.renewed
	if e == nil || !t.cfg.Preload || c.order.first {
		return
	}
	t.ladder.all.Go(func() {
		ctx, cancel := t.ladder.untilStopped()
		defer cancel()
		if err := t.relist(ctx, e); err != nil && !errors.Is(err, errOver) {
			t.log.Warn("list the keys again", "token", t.info.Label, "error", err)
		}
	})
}

// relist learns every key's handle, if the epoch lasts that long. An id that two objects have is left out: its first
// use will find and refuse it.
func (t *Token) relist(ctx context.Context, e *epoch) error {
	l := listing{t: t, e: e, known: map[device.ObjectID]pkcs11.ObjectHandle{}, twice: map[device.ObjectID]bool{}}
	mark := e.handles.mark()
	objects, err := l.find(ctx)
	for err == nil && len(objects) > 0 {
		n := min(relistBatch, len(objects))
		err = l.read(ctx, objects[:n])
		objects = objects[n:]
	}
	if err != nil {
		return err
	}
	for id := range l.twice {
		delete(l.known, id)
	}
	e.handles.learnAll(l.known, mark)
	return nil
}

// listing is one run of relist.
type listing struct {
	t     *Token
	e     *epoch
	known map[device.ObjectID]pkcs11.ObjectHandle
	twice map[device.ObjectID]bool
}

func (l *listing) find(ctx context.Context) ([]pkcs11.ObjectHandle, error) {
	var found []pkcs11.ObjectHandle
	err := l.t.once(ctx, use{epoch: l.e, calls: 2, run: func(s *session) error {
		var err error
		found, err = l.t.find(s, pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY))
		return err
	}})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// read fills maps of its own, which are the listing's only once the flight has landed.
func (l *listing) read(ctx context.Context, objects []pkcs11.ObjectHandle) error {
	ids := make([]*device.ObjectID, len(objects))
	err := l.t.once(ctx, use{epoch: l.e, calls: 2, run: func(s *session) error {
		for i, h := range objects {
			id, err := l.t.objectID(s, h)
			if err != nil {
				return err
			}
			ids[i] = id
		}
		return nil
	}})
	if err != nil {
		return err
	}
	for i, id := range ids {
		if id == nil {
			continue
		}
		if _, ok := l.known[*id]; ok {
			l.twice[*id] = true
		}
		l.known[*id] = objects[i]
	}
	return nil
}

// objectID is an object's id; nil when it has none of ours, was destroyed meanwhile or is half made.
func (t *Token) objectID(s *session, h pkcs11.ObjectHandle) (*device.ObjectID, error) {
	raw, err := t.attribute(s, h, pkcs11.CKA_ID)
	if classIn(err) == ClassStale || isOneOf(err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID) {
		return nil, nil
	}
	if err != nil || len(raw) != len(device.ObjectID{}) {
		return nil, err
	}
	id := device.ObjectID(raw)
	return &id, nil
}
