package kms

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/keyhold/keyhold/kms/api"
)

// Whether a key of another account exists is not told to who may not use it, and neither is it for the key that a
// ciphertext names: what does not exist and what is not allowed get one answer, after the same work. What does not exist
// is therefore remembered, as what exists is, and its first look-up costs the token what authenticating its rows would
// have cost.

const (
	// absenceLimit is how many absent things of each kind are remembered.
	absenceLimit = 1 << 12
	// keyChecks, aliasChecks and accountChecks are how many rows a key of one generation, an alias and an account has.
	keyChecks, aliasChecks, accountChecks = 4, 1, 1
)

// absence is the snapshot of something that does not exist.
type absence struct{ freshness }

var errPresent = errors.New("it exists")

// abroad looks something up for who must not find out whether it exists: ErrNotFound, a *TamperError, or the store's or
// the device's error.
func abroad[K comparable, V any](ctx context.Context, s *Service, absent *cache[K, *absence], id K, checks int, load func() (V, error)) (v V, err error) {
	_, err = absent.get(ctx, id, func() (*absence, error) {
		var err error
		if v, err = load(); err == nil {
			return nil, errPresent
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if errors.Is(err, errDeleted) {
			checks = 0 // its row has been authenticated
		}
		return &absence{}, s.decoy(ctx, checks)
	})
	switch {
	case errors.Is(err, errPresent):
		return v, nil
	case err == nil:
		err = ErrNotFound
	}
	return v, err
}

// decoy is the work of authenticating so many rows.
func (s *Service) decoy(ctx context.Context, rows int) error {
	for range rows {
		if _, err := s.device.MAC(ctx, s.signer.key, digest(&AliasRow{})); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) keyAbroad(ctx context.Context, id KeyID) (*Key, error) {
	return abroad(ctx, s, s.snapshots.absentKeys, id, keyChecks, func() (*Key, error) { return s.key(ctx, id) })
}

func (s *Service) aliasAbroad(ctx context.Context, account AccountID, name string) (*Alias, error) {
	return abroad(ctx, s, s.snapshots.absentAliases, aliasID{account, name}, aliasChecks, func() (*Alias, error) {
		return s.alias(ctx, account, name)
	})
}

func (s *Service) accountAbroad(ctx context.Context, id AccountID) (*accountState, error) {
	return abroad(ctx, s, s.snapshots.absentAccounts, id, accountChecks, func() (*accountState, error) { return s.account(ctx, id) })
}

// resolveBlob finds the key that a ciphertext names. The directory's root alone learns that it is closed.
func (c *Call) resolveBlob(ctx context.Context, r resolved) (resolved, error) {
	if r.blobErr != nil {
		return r, api.InvalidCiphertext()
	}
	key, err := c.service.keyAbroad(ctx, r.blob.Key)
	if _, tampered := isTampered(err); tampered && c.caller.Root && c.caller.Account == c.service.meta.Account {
		return r, closedBy(err, c.service.realm.KeyARN(c.caller.Account, r.blob.Key))
	}
	if err != nil {
		return r.withheld(r.blob.Key, hide(err, api.CiphertextRefersTo()))
	}
	if err := c.mustServe(ctx, key, api.CiphertextRefersTo()); err != nil {
		return r.withheld(r.blob.Key, err)
	}
	r.key, r.hidden = key, key.Row().Account != c.caller.Account
	return r, nil
}

// resolveAbroad finds a key of another account.
func (c *Call) resolveAbroad(ctx context.Context, r resolved, ref keyRef) (resolved, error) {
	answer := c.hiddenAnswer(r.Target)
	if !r.across {
		return r.withheld("", because(answer, notThere, c.operation+" is for keys of the caller's own account"))
	}
	closed := c.mustBeOpen(ctx, ref.Account, answer)
	if ref.Alias != "" {
		a, err := c.service.aliasAbroad(ctx, ref.Account, ref.Alias)
		switch {
		case err == nil:
			r.alias, ref.ID = a, a.row.KeyID
		case errors.Is(err, ErrNotFound):
			ref.ID = nobodysKey(ref) // an alias that exists has a key to look up
		default:
			return r.withheld(nobodysKey(ref), hide(err, answer))
		}
	}
	key, err := c.service.keyAbroad(ctx, ref.ID)
	switch {
	case err != nil:
		return r.withheld(ref.ID, hide(err, answer))
	case key.Row().Account != ref.Account:
		return r.withheld(ref.ID, because(answer, notThere, "the key belongs to another account than its ARN says"))
	case closed != nil:
		return r.withheld(ref.ID, closed)
	}
	r.key = key
	return r, nil
}

// withheld keeps an answer that must look like a denial until the target would be denied. What is checked before that, such
// as the other targets, would else tell the two apart. An error of the store or the token is given at once.
func (r resolved) withheld(id KeyID, answer error) (resolved, error) {
	away := (*turnedAway)(nil)
	if !errors.As(answer, &away) {
		return r, answer
	}
	away.action = r.Action
	r.key, r.alias, r.absent, r.sought = nil, nil, away, id
	return r, nil
}

// giveWithheld is the answer for a target that is not there, after the look for grants that one that is there gets.
func (c *Call) giveWithheld(ctx context.Context, t *resolved) error {
	if t.sought == "" || t.overseen {
		return t.absent
	}
	for _, name := range c.granteeNames() {
		id := granteeID{t.sought, name}
		_, err := c.service.snapshots.absentGrants.get(ctx, id, func() (*absence, error) {
			_, err := c.service.store.GrantsTo(ctx, id.key, id.grantee)
			return &absence{}, err
		})
		if err != nil {
			return err
		}
	}
	return t.absent
}

// isSecret tells whether a caller who may not use the key must not find out that it exists.
func (t *resolved) isSecret() bool { return t.hidden || t.kind == byCiphertext && t.ref == "" }

// mustBeOpen gives the answer for a key of an account that there is not, or that has been disabled.
func (c *Call) mustBeOpen(ctx context.Context, owner AccountID, answer error) error {
	a, err := c.service.accountAbroad(ctx, owner)
	if err != nil {
		return hide(err, answer)
	}
	if a.row.State != Active {
		return because(answer, notThere, "the key's account "+string(owner)+" is disabled")
	}
	c.rely(a, a.expectation())
	return nil
}

// nobodysKey is an id that no key has, always the same one for an alias.
func nobodysKey(ref keyRef) KeyID {
	sum := sha256.Sum256([]byte("keyhold absent alias\x00" + string(ref.Account) + "\x00" + ref.Alias))
	return keyIDOf([16]byte(sum[:16])) // no version 4, as ids of keys are
}

// hide gives the one answer for what does not exist and what is closed; another error is the store's or the token's.
func hide(err, answer error) error {
	if t, tampered := isTampered(err); tampered {
		return because(answer, notThere, "it is closed: "+t.Error())
	}
	if errors.Is(err, ErrNotFound) {
		return because(answer, notThere, "there is no such key, alias or account")
	}
	return err
}

// mustServe answers for a key whose account has been disabled. That the caller's account is active has been looked at
// before.
func (c *Call) mustServe(ctx context.Context, key *Key, answer error) error {
	if owner := key.Row().Account; owner != c.caller.Account {
		return c.mustBeOpen(ctx, owner, answer)
	}
	return nil
}

// hiddenAnswer is the one answer for a key of another account, whether it is unknown or merely not allowed. It says
// nothing that the caller did not say.
func (c *Call) hiddenAnswer(t Target) error {
	return api.AccessDenied(c.caller.ARN, t.Action, t.ref, api.NoCrossAccountAccess)
}
