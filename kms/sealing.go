package kms

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// Keyhold seals its own secrets, those of access keys and of session tokens, under a key of its own: a KMS key like any
// other, with generations, counted uses, renewal and canaries, in an account that is none. No caller can be of that
// account, no ARN of a request can name it, and its key policy allows nobody anything. It is made when something is
// sealed for the first time.
const (
	sealingAccount AccountID = "keyhold"
	sealingAlias             = aliasPrefix + "keyhold/sealing"
	// sealingLock is a name that no key, alias or principal has.
	sealingLock = "the sealing key"

	sealingPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"NobodyButKeyhold","Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`
)

// The encryption context of what is sealed says what it is, and whose: a blob opens in no other place.
const (
	sealedPurpose    = "keyhold:purpose"
	sealedAccessKey  = "keyhold:access-key"
	sealedPrincipal  = "keyhold:principal"
	sealedAccount    = "keyhold:account"
	sealedSessionKey = "keyhold:session-key"
)

// errNotSealedSo says that a blob does not open: it is none, or was sealed for something else.
var errNotSealedSo = errors.New("what it seals was not sealed for it: it was changed or moved outside Keyhold")

// sealSecret seals one of Keyhold's own secrets for a place that about names.
func (s *Service) sealSecret(ctx context.Context, plaintext secret.Bytes, about map[string]string) ([]byte, error) {
	for restart := 0; ; restart++ {
		key, err := s.sealingKey(ctx)
		if err != nil {
			return nil, err
		}
		sealed, _, err := s.seal(ctx, key, plaintext.Reveal(), about, key.guard)
		if !errors.Is(err, errStale) || restart == maxRestarts {
			return sealed, err
		}
	}
}

// openSecret opens what sealSecret sealed for the same place: errNotSealedSo, or the store's or the device's error.
func (s *Service) openSecret(ctx context.Context, sealed []byte, about map[string]string) (secret.Bytes, error) {
	b, err := parseBlob(sealed)
	if err != nil {
		return secret.Bytes{}, errNotSealedSo
	}
	for restart := 0; ; restart++ {
		key, err := s.findSealingKey(ctx)
		if errors.Is(err, ErrNotFound) || err == nil && b.Key != key.ID() {
			return secret.Bytes{}, errNotSealedSo
		}
		if err != nil {
			return secret.Bytes{}, err
		}
		plaintext, _, err := s.open(ctx, key, b, about, key.guard)
		if errors.Is(err, api.InvalidCiphertext()) {
			return secret.Bytes{}, errNotSealedSo
		}
		if !errors.Is(err, errStale) || restart == maxRestarts {
			return secret.New(plaintext), err
		}
	}
}

// guard is the last look before the token is called, for who relies on the key alone.
func (k *Key) guard() error {
	if k.stale() {
		return errStale
	}
	return nil
}

// sealingKey is the newest snapshot of the sealing key, which it makes when there is none.
func (s *Service) sealingKey(ctx context.Context) (*Key, error) {
	key, err := s.findSealingKey(ctx)
	if !errors.Is(err, ErrNotFound) {
		return key, err
	}
	if err := s.bearSealingKey(ctx); err != nil {
		return nil, fmt.Errorf("make the key that seals Keyhold's own secrets: %w", err)
	}
	return s.findSealingKey(ctx)
}

// findSealingKey answers ErrNotFound when nothing was sealed yet.
func (s *Service) findSealingKey(ctx context.Context) (*Key, error) {
	arn := s.realm.AliasARN(sealingAccount, sealingAlias)
	alias, err := s.alias(ctx, sealingAccount, sealingAlias)
	if err != nil {
		return nil, closedBy(err, arn)
	}
	key, err := s.key(ctx, alias.row.KeyID)
	if errors.Is(err, ErrNotFound) || err == nil && key.Row().Account != sealingAccount {
		err = &TamperError{Row: alias.row.what(), Reason: "its key is missing: it was removed outside Keyhold"}
	}
	return key, closedBy(err, arn)
}

// bearSealingKey makes the sealing key and its alias, if nobody else has meanwhile.
func (s *Service) bearSealingKey(ctx context.Context) error {
	unlock, err := s.locks.lock(ctx, sealingLock)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.alias(ctx, sealingAccount, sealingAlias); !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := s.refuseOrphan(ctx); err != nil {
		return err
	}
	now := s.config.Now()
	key, err := s.unbornSealingKey(MicrosOf(now))
	if err != nil {
		return err
	}
	event, err := s.bear(ctx, unasked{key: key, alias: AliasRow{Account: sealingAccount, Name: sealingAlias}, now: now})
	if err != nil {
		return err
	}
	if err := s.deliver(context.WithoutCancel(ctx), event); err != nil { // the key is there; its event follows with the next one
		s.log.WarnContext(ctx, "the event of a new key is not in the log yet", "key", key.ARN(), "error", err)
	}
	return nil
}

// refuseOrphan refuses a second sealing key: what the first one sealed could not be opened any more.
func (s *Service) refuseOrphan(ctx context.Context) error {
	rows, err := s.store.Keys(ctx, sealingAccount, "", 1)
	if err != nil || len(rows) == 0 {
		return err
	}
	alias := AliasRow{Name: sealingAlias}
	return closedBy(&TamperError{Row: alias.what(), Reason: "it is missing: it was removed outside Keyhold"},
		s.realm.AliasARN(sealingAccount, sealingAlias))
}

// unbornSealingKey is the sealing key as it will be, without key material.
func (s *Service) unbornSealingKey(now Micros) (*Key, error) {
	id, err := NewKeyID(s.config.Rand)
	row := KeyRow{
		ID: id, Account: sealingAccount, Rev: 1, State: keyspec.StateEnabled, Spec: keyspec.SymmetricDefault,
		Usage: keyspec.EncryptDecrypt, Origin: keyspec.OriginKMS, Manager: keyspec.ManagerAWS,
		Description: "Seals Keyhold's own secrets", Current: 1, CreatedAt: now, PolicyRev: 1,
	}
	policy := PolicyRow{KeyID: id, Rev: 1, Document: sealingPolicy}
	return &Key{record: KeyRecord{Key: row, Policy: policy}, arn: s.realm.KeyARN(sealingAccount, id)}, err
}
