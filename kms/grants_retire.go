package kms

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
)

// A grant token names a grant and gives nothing by itself: version, key, grant and 16 random octets, with an HMAC by the
// directory's row key, in base64url without padding.
const (
	tokenLabel   = "keyhold grant token v1\x00"
	tokenVersion = 1
	tokenBody    = 1 + 16 + 32 + 16
)

// NewGrantID draws the id of a new grant.
func (c *Call) NewGrantID() (GrantID, error) {
	var id [32]byte
	if _, err := io.ReadFull(c.service.config.Rand, id[:]); err != nil {
		return "", fmt.Errorf("draw a grant id: %w", err)
	}
	return GrantID(hex.EncodeToString(id[:])), nil
}

// GrantToken makes a token for a grant. Every token of a grant is another one.
func (c *Call) GrantToken(ctx context.Context, key KeyID, grant GrantID) (string, error) {
	keyOctets, ok := key.octets()
	grantOctets, err := hex.DecodeString(string(grant))
	if !ok || err != nil || len(grantOctets) != 32 {
		return "", fmt.Errorf("no token can name grant %s of key %s", grant, key)
	}
	body := append([]byte{tokenVersion}, keyOctets[:]...)
	body = append(append(body, grantOctets...), make([]byte, 16)...)
	if _, err := io.ReadFull(c.service.config.Rand, body[len(body)-16:]); err != nil {
		return "", fmt.Errorf("draw a grant token: %w", err)
	}
	mac, err := c.service.device.MAC(ctx, c.service.signer.key, append([]byte(tokenLabel), body...))
	return base64.RawURLEncoding.EncodeToString(append(body, mac...)), err
}

// openToken is the grant that a token names: InvalidGrantTokenException when Keyhold did not make it. The grant need not
// be there any more.
func (s *Service) openToken(ctx context.Context, token string) (KeyID, GrantID, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenBody+32 || raw[0] != tokenVersion {
		return "", "", api.InvalidGrantToken()
	}
	body := bytes.Clone(raw[:tokenBody])
	mac, err := s.device.MAC(ctx, s.signer.key, append([]byte(tokenLabel), body...))
	if err != nil {
		return "", "", err
	}
	if !hmac.Equal(mac, raw[tokenBody:]) {
		return "", "", api.InvalidGrantToken()
	}
	return keyIDOf([16]byte(body[1:17])), GrantID(hex.EncodeToString(body[17:49])), nil
}

// checkTokens refuses grant tokens that Keyhold did not make. A genuine one adds nothing to the grants that the caller
// has: they hold from the moment that CreateGrant answers.
func (c *Call) checkTokens(ctx context.Context, in Input) error {
	t, ok := in.(interface{ Tokens() []string })
	if !ok {
		return nil
	}
	for _, token := range t.Tokens() {
		if _, _, err := c.service.openToken(ctx, token); err != nil {
			return err
		}
	}
	return nil
}

// Grant is the grant that the i-th target is about, and its shape.
func (c *Call) Grant(i int) (GrantRow, GrantShape) {
	g := c.targets[i].grant
	return g.row, g.shape
}

// FindGrant reads a live grant of a key; NotFoundException when there is none.
func (c *Call) FindGrant(ctx context.Context, key *Key, id GrantID) (GrantRow, error) {
	g, err := c.service.grant(ctx, key.ID(), id)
	if errors.Is(err, ErrNotFound) {
		return GrantRow{}, api.NotFoundGrant(string(id))
	}
	if err != nil {
		return GrantRow{}, closedBy(err, key.ARN())
	}
	return g.row, nil
}

func (s *Service) grant(ctx context.Context, key KeyID, id GrantID) (*heldGrant, error) {
	row, err := s.store.Grant(ctx, key, id)
	if err != nil {
		return nil, err
	}
	shape, err := s.authenticGrant(ctx, row)
	if err != nil {
		return nil, err
	}
	if row.KeyID != key || row.ID != id {
		return nil, fmt.Errorf("the store answered grant %s for %s", row.ID, id)
	}
	return &heldGrant{row, shape}, nil
}

// resolveGrant finds the grant that is to be retired, and its key. Of a key of another account it says no more than a
// refusal does.
func (c *Call) resolveGrant(ctx context.Context, r resolved) (resolved, error) {
	id, answer, err := r.Target.grant, error(nil), error(nil)
	if r.token != "" {
		r.key, id, err = c.keyOfToken(ctx, r.token)
		answer = api.NotFoundGrant(string(id))
	} else {
		r.key, answer, err = c.keyOfGrant(ctx, r.Target)
	}
	if err != nil {
		return r, err
	}
	r.hidden = r.key.Row().Account != c.caller.Account
	if err := c.mustServe(ctx, r.key, answer); err != nil {
		return r, err
	}
	r.grant, err = c.service.grant(ctx, r.key.ID(), id)
	switch {
	case err == nil:
		r.context = r.grant.shape.Context
	case r.hidden, errors.Is(err, ErrNotFound):
		err = hide(err, answer)
	default:
		err = closedBy(err, r.key.ARN())
	}
	return r, err
}

// keyOfToken is the key of the grant that a token names.
func (c *Call) keyOfToken(ctx context.Context, token string) (*Key, GrantID, error) {
	id, grant, err := c.service.openToken(ctx, token)
	if err != nil {
		return nil, "", err
	}
	key, err := c.service.keyAbroad(ctx, id)
	if err != nil {
		return nil, "", hide(err, api.NotFoundGrant(string(grant)))
	}
	return key, grant, nil
}

// keyOfGrant is the key that is named beside a grant, and the answer if there is no such grant.
func (c *Call) keyOfGrant(ctx context.Context, t Target) (*Key, error, error) {
	ref, err := c.service.realm.parseKeyRef(t.ref, c.caller.Account)
	if err != nil {
		return nil, nil, err
	}
	if err := api.CheckGrantID(string(t.grant)); err != nil {
		return nil, nil, err
	}
	if ref.Account == c.caller.Account {
		key, err := c.findKey(ctx, ref)
		return key, api.NotFoundGrant(string(t.grant)), err
	}
	answer := c.hiddenAnswer(t)
	key, err := c.service.keyAbroad(ctx, ref.ID)
	if err == nil && key.Row().Account != ref.Account {
		err = ErrNotFound
	}
	if err != nil {
		return nil, nil, hide(err, answer)
	}
	return key, answer, nil
}

// mayRetire decides who may retire a grant: its retiring principal, its grantee if it has the operation RetireGrant, and
// the account that issued it. Where that is an account, its identity policies may pass it on. Identity policies may deny
// it to all of them (AWS KMS Developer Guide, "Retiring and revoking grants").
func (c *Call) mayRetire(g *heldGrant, q policy.Question) policy.Verdict {
	identity := policy.Decide(q)
	if identity.Allowed || denied(identity) {
		return identity
	}
	for _, name := range c.granteeNames() {
		retires := g.row.Retiring == name || g.row.Grantee == name && slices.Contains(g.shape.Operations, "RetireGrant")
		if retires && name == string(c.caller.Account) {
			q.Owner = name
			retires = policy.Decide(q).Allowed
		}
		if retires {
			return policy.Verdict{Allowed: true, Basis: policy.ByGrant, GrantID: string(g.row.ID),
				Reason: fmt.Sprintf("grant %s may be retired by %s", g.row.ID, name)}
		}
	}
	return identity
}
