package kms

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/audit"
)

const (
	// sessionKeyAge and sessionKeyTokens are how long, and for how many tokens in one process, a session key seals.
	sessionKeyAge    = 24 * time.Hour
	sessionKeyTokens = 1 << 20
	// longestSession bounds what AssumeRole can ask for (AWS STS API reference, AssumeRole, DurationSeconds).
	longestSession = 12 * time.Hour
	// sessionKeyKept is how long after it was made a session key may open tokens that are not over: the last one was
	// sealed on its last day. An hour more is for a clock that is set back.
	sessionKeyKept = sessionKeyAge + longestSession + time.Hour
	// sessionKeysLock is a name that no key, alias or principal has.
	sessionKeysLock = "the session keys"
)

// sessionKeys are the keys of session tokens, open in memory. Nobody else writes the store, so that they are read once.
type sessionKeys struct {
	mu     sync.RWMutex
	loaded bool
	list   []*sessionKey // newest first
	latest Micros        // the latest instant at which a session was issued
}

// place is the encryption context of the row's sealed key.
func (r *SessionKeyRow) place() map[string]string {
	return map[string]string{sealedPurpose: "session key", sealedSessionKey: r.ID}
}

func (k *sessionKeys) get() ([]*sessionKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.list, k.loaded
}

func (k *sessionKeys) set(list []*sessionKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list, k.loaded = list, true
}

// issue pays for one token with a key that is of the day, and notes when its session begins.
func (k *sessionKeys) issue(now time.Time, begins Micros) *sessionKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.list {
		if age := now.Sub(key.row.CreatedAt.Time()); age >= 0 && age < sessionKeyAge && key.tokens < sessionKeyTokens {
			key.tokens++
			k.latest = max(k.latest, begins)
			return key
		}
	}
	return nil
}

// issued is the latest instant at which a session was issued by this process, which a clock that was set back may not
// have reached again.
func (k *sessionKeys) issued() Micros {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.latest
}

// sessionKeyFor is a key for a token of a session that begins at an instant. A new one is made when there is none of the
// day.
func (s *Service) sessionKeyFor(ctx context.Context, now time.Time, begins Micros) (*sessionKey, error) {
	if _, err := s.openSessionKeys(ctx); err != nil {
		return nil, err
	}
	if key := s.sessions.issue(now, begins); key != nil {
		return key, nil
	}
	unlock, err := s.locks.lock(ctx, sessionKeysLock)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if key := s.sessions.issue(now, begins); key != nil { // somebody else has made it meanwhile
		return key, nil
	}
	if err := s.rotateSessionKeys(context.WithoutCancel(ctx), now); err != nil {
		return nil, err
	}
	if key := s.sessions.issue(now, begins); key != nil {
		return key, nil
	}
	return nil, errors.New("a new session key is not of the day")
}

// openSessionKeys reads the session keys on first need. One that was changed outside Keyhold opens nothing.
func (s *Service) openSessionKeys(ctx context.Context) ([]*sessionKey, error) {
	if list, ok := s.sessions.get(); ok {
		return list, nil
	}
	unlock, err := s.locks.lock(ctx, sessionKeysLock)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if list, ok := s.sessions.get(); ok {
		return list, nil
	}
	rows, err := s.store.SessionKeys(ctx)
	if err != nil {
		return nil, err
	}
	var list []*sessionKey
	for _, row := range rows {
		key, err := s.openSessionKey(ctx, row)
		if _, tampered := isTampered(err); tampered {
			s.log.ErrorContext(ctx, "a session key is not used", "error", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, key)
	}
	s.sessions.set(list)
	return list, nil
}

func (s *Service) openSessionKey(ctx context.Context, row SessionKeyRow) (*sessionKey, error) {
	if err := s.signer.verify(ctx, &row); err != nil {
		return nil, err
	}
	octets, err := s.openSecret(ctx, row.Sealed, row.place())
	if err != nil {
		return nil, sealedFault(&row, err)
	}
	defer octets.Wipe()
	return newSessionKey(row, octets)
}

// rotateSessionKeys makes a new session key and drops those under which no token can live any more.
func (s *Service) rotateSessionKeys(ctx context.Context, now time.Time) error {
	id, err := s.uuid()
	if err != nil {
		return err
	}
	row := SessionKeyRow{ID: id, Rev: 1, CreatedAt: MicrosOf(now)}
	octets := secret.New(make([]byte, sessionKeyOctets))
	defer octets.Wipe()
	if err := s.device.Random(ctx, octets.Reveal()); err != nil {
		return err
	}
	if row.Sealed, err = s.sealSecret(ctx, octets, row.place()); err != nil {
		return err
	}
	key, err := newSessionKey(row, octets)
	if err != nil {
		return err
	}
	old, _ := s.sessions.get()
	kept := slices.DeleteFunc(slices.Clone(old), func(k *sessionKey) bool { return now.Sub(k.row.CreatedAt.Time()) >= sessionKeyKept })
	change := Change{SessionKeys: []SessionKeyRow{row}}
	for _, k := range old {
		if !slices.Contains(kept, k) {
			change.DropSessionKeys = append(change.DropSessionKeys, k.row)
		}
	}
	if change.Events, err = s.sessionKeyEvent(change, now); err != nil {
		return err
	}
	if err := s.apply(ctx, change, nil); err != nil {
		return err
	}
	s.sessions.set(append([]*sessionKey{key}, kept...))
	if err := s.deliver(ctx, change.Events[0]); err != nil { // the key is there; its event follows with the next one
		s.log.WarnContext(ctx, "the event of a new session key is not in the log yet", "error", err)
	}
	return nil
}

// sessionKeyEvent is the record of a new session key, for the transaction that makes it.
func (s *Service) sessionKeyEvent(c Change, now time.Time) ([]EventRow, error) {
	event, err := s.serviceEvent(s.meta.Account, "RotateSessionKey", now)
	if err != nil {
		return nil, err
	}
	dropped := []string{}
	for _, r := range c.DropSessionKeys {
		dropped = append(dropped, r.ID)
	}
	event.Source = audit.SourceKeyhold
	event.ServiceDetails = map[string]any{"sessionKeyId": c.SessionKeys[0].ID, "droppedSessionKeyIds": dropped}
	record, err := event.Encode()
	return []EventRow{{ID: event.ID, Record: record}}, err
}

// openSessionToken is what an authentic token says: errSessionToken for any other.
func (s *Service) openSessionToken(ctx context.Context, text string) (sessionClaims, error) {
	token, err := parseSessionToken(text)
	if err != nil {
		return sessionClaims{}, err
	}
	keys, err := s.openSessionKeys(ctx)
	if err != nil {
		return sessionClaims{}, err
	}
	for _, k := range keys {
		if k.id == token.key {
			return k.open(token)
		}
	}
	return sessionClaims{}, errSessionToken
}
