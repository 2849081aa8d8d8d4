package kms

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

const (
	// secretRandom is how many random octets a secret access key has; in base64 they are AWS's 40 characters.
	secretRandom = 30
	// accessKeyCharacters is how many characters of an access key id follow its prefix.
	accessKeyCharacters = 16
)

// accessKey is a snapshot of a pair of credentials. The secret is opened when it is first needed, and wiped when the
// snapshot is replaced.
type accessKey struct {
	freshness
	row AccessKeyRow

	mu     sync.Mutex
	secret secret.Bytes
}

func (k *accessKey) expire() {
	k.freshness.expire()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.secret.Wipe()
	k.secret = secret.Bytes{}
}

// remembered is a copy of the secret, if it is open.
func (k *accessKey) remembered() (secret.Bytes, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return secret.New(bytes.Clone(k.secret.Reveal())), k.secret.Len() > 0
}

// remember keeps a copy of the secret for as long as the snapshot is the newest.
func (k *accessKey) remember(opened secret.Bytes) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.secret.Len() == 0 && !k.stale() {
		k.secret = secret.New(bytes.Clone(opened.Reveal()))
	}
}

// place is the encryption context of the row's sealed secret.
func (r *AccessKeyRow) place() map[string]string {
	return map[string]string{
		sealedPurpose: "access key", sealedAccessKey: string(r.ID), sealedPrincipal: string(r.Principal), sealedAccount: string(r.Account),
	}
}

// accessKey is the newest snapshot of an access key: ErrNotFound, a *TamperError, or the store's or device's error.
func (s *Service) accessKey(ctx context.Context, id AccessKeyID) (*accessKey, error) {
	return s.snapshots.credential.get(ctx, id, func() (*accessKey, error) {
		row, err := s.store.AccessKey(ctx, id)
		if err != nil {
			return nil, err
		}
		if row.ID != id {
			return nil, fmt.Errorf("the store answered access key %q for %q", row.ID, id)
		}
		return &accessKey{row: row}, s.signer.verify(ctx, &row)
	})
}

// secretOf is a copy of an access key's secret.
func (s *Service) secretOf(ctx context.Context, k *accessKey) (secret.Bytes, error) {
	if known, ok := k.remembered(); ok {
		return known, nil
	}
	opened, err := s.openSecret(ctx, k.row.Sealed, k.row.place())
	if err == nil {
		k.remember(opened)
	}
	return opened, sealedFault(&k.row, err)
}

// OnCredentialDropped has f called with the id of every access key that is changed or deleted, after nobody gets the old
// one from Credential any more and before the call that changed it returns. It is for what was derived from its secret. f
// must not call the service. Call it before the service is in use.
func (s *Service) OnCredentialDropped(f func(AccessKeyID)) {
	s.credentialDropped = append(s.credentialDropped, f)
}

func (s *Service) tellDropped(c Change) {
	for _, rows := range [][]AccessKeyRow{c.AccessKeys, c.DropAccessKeys} {
		for _, r := range rows {
			for _, f := range s.credentialDropped {
				f(r.ID)
			}
		}
	}
}

// NewCredentials are an access key id and its secret. Empty members are drawn.
type NewCredentials struct {
	ID     AccessKeyID
	Secret secret.Bytes
}

// NewAccessKey makes the row of an access key for a user, active and with its secret sealed. What wanted leaves open is
// drawn: the id, and the secret from the token's generator. It returns the secret that it sealed.
func (c *Call) NewAccessKey(ctx context.Context, user *Principal, wanted NewCredentials) (AccessKeyRow, secret.Bytes, error) {
	row := AccessKeyRow{
		ID: wanted.ID, Principal: user.row.ID, Account: user.row.Account, Rev: 1, State: Active, CreatedAt: MicrosOf(c.now),
	}
	value, err := wanted.Secret, error(nil)
	if row.ID == "" {
		row.ID, err = c.service.newAccessKeyID(keyPrefix)
	}
	if err == nil && value.Len() == 0 {
		value, err = c.service.newSecret(ctx)
	}
	if err == nil {
		row.Sealed, err = c.service.sealSecret(ctx, value, row.place())
	}
	return row, value, err
}

func (s *Service) newAccessKeyID(prefix string) (AccessKeyID, error) {
	id, err := uniqueID(s.config.Rand, prefix, accessKeyCharacters)
	return AccessKeyID(id), err
}

// newSecret draws a secret access key from the token's generator.
func (s *Service) newSecret(ctx context.Context) (secret.Bytes, error) {
	random := make([]byte, secretRandom)
	defer secret.Wipe(random)
	if err := s.device.Random(ctx, random); err != nil {
		return secret.Bytes{}, err
	}
	return secret.New(base64.StdEncoding.AppendEncode(nil, random)), nil
}

// AccessKey is the access key that the i-th target was named by, authenticated. Its secret is not opened.
func (c *Call) AccessKey(i int) AccessKeyRow { return c.targets[i].accessKey.row }

// MayBring tells whether the caller may bring access keys of its own making: the owner of a throw-away directory, for
// tests that have their credentials written down.
func (c *Call) MayBring() bool { return c.service.meta.Dev && c.caller.Root && c.caller.Local }

// ownerOf finds the access key that a target is named by, and whose it is. An access key of another account is not there.
func (c *Call) ownerOf(ctx context.Context, r resolved) (resolved, error) {
	unknown := api.NotFoundAccessKey(r.ref)
	k, err := c.service.accessKey(ctx, AccessKeyID(r.ref))
	if errors.Is(err, ErrNotFound) || err == nil && k.row.Account != c.caller.Account {
		return r, unknown
	}
	if err != nil {
		return r, closedBy(err, r.ref)
	}
	r.accessKey = k
	if r.principal, err = c.service.principal(ctx, k.row.Principal); err != nil {
		return r, closedBy(err, string(k.row.Principal))
	}
	if r.owner == "" {
		return r, nil
	}
	id, err := c.principalID(ctx, PrincipalOf(&r.owner, r.Action))
	if errors.Is(err, ErrNotFound) {
		return r, api.NotFoundPrincipal(r.owner)
	}
	if err == nil && id != k.row.Principal {
		return r, unknown
	}
	return r, closedBy(err, r.owner)
}
