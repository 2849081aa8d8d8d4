package kms

import (
	"context"
	"errors"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

// SessionCredentials are the temporary credentials of a session.
type SessionCredentials struct {
	AccessKeyID AccessKeyID
	Secret      secret.Bytes
	Token       string // a secret too
	PrincipalID string // "<role id>:<session name>"
	ARN         string
	ExpiresAt   Micros
}

// NewSession begins a session of a role. It is stored nowhere: its token says all. It begins after the last revocation of
// the role's sessions, even one at the same instant.
func (c *Call) NewSession(ctx context.Context, role *Principal, name string, lifetime time.Duration) (SessionCredentials, error) {
	s := c.service
	claims := sessionClaims{
		Role: role.row.ID, Account: role.row.Account, Name: name,
		IssuedAt: max(MicrosOf(c.now), role.row.SessionsNotBefore+1), ExpiresAt: MicrosOf(c.now.Add(lifetime)),
	}
	var err error
	if claims.AccessKeyID, err = s.newAccessKeyID(sessionPrefix); err != nil {
		return SessionCredentials{}, err
	}
	if claims.Secret, err = s.newSecret(ctx); err != nil {
		return SessionCredentials{}, err
	}
	key, err := s.sessionKeyFor(ctx, c.now, claims.IssuedAt)
	if err == nil {
		err = c.guard()
	}
	if err != nil {
		return SessionCredentials{}, err
	}
	return SessionCredentials{
		AccessKeyID: claims.AccessKeyID, Secret: claims.Secret, Token: key.seal(claims),
		PrincipalID: claims.principalID(), ARN: role.SessionARN(s.realm, name), ExpiresAt: claims.ExpiresAt,
	}, nil
}

func (c sessionClaims) principalID() string { return string(c.Role) + ":" + c.Name }

// RevokedSessions is the row of a role after every session that was issued so far is revoked, also one of this instant,
// and one of an instant to come before the clock was set back.
func (c *Call) RevokedSessions(role *Principal) PrincipalRow {
	row := role.Next()
	row.SessionsNotBefore = max(MicrosOf(c.now), row.SessionsNotBefore+1, c.service.sessions.issued())
	return row
}

// resolveRole finds a role by its ARN. What is no role, or not in use, is answered as if it did not exist, and so is one
// of another account that may not be assumed.
func (c *Call) resolveRole(ctx context.Context, r resolved) (resolved, error) {
	ref, err := c.service.realm.parsePrincipalARN(r.ref)
	r.hidden = err != nil || ref.account != c.caller.Account
	var answer error = api.AccessDenied(c.caller.ARN, r.Action, r.ref, api.NotAssumable)
	if r.hidden {
		answer = c.hiddenAnswer(r.Target)
	}
	if err != nil || ref.kind != Role || ref.session != "" {
		return r, answer
	}
	id, err := c.service.resolvePrincipal(ctx, r.ref)
	if err == nil {
		r.principal, err = c.service.principal(ctx, PrincipalID(id))
	}
	if err != nil {
		return r, hide(err, answer)
	}
	return r, c.mustBeAssumable(ctx, r, answer)
}

// mustBeAssumable gives the answer for a role that is not in use, or whose account is not.
func (c *Call) mustBeAssumable(ctx context.Context, r resolved, answer error) error {
	if r.principal.row.State != Active {
		return answer
	}
	a, err := c.service.account(ctx, r.principal.row.Account)
	if err != nil {
		return hide(err, answer)
	}
	if a.row.State != Active {
		return answer
	}
	c.rely(a, a.expectation())
	return nil
}

// sessionCredential is what a session's access key id and token stand for.
func (s *Service) sessionCredential(ctx context.Context, id AccessKeyID, token string) (Credential, error) {
	claims, err := s.openSessionToken(ctx, token)
	if errors.Is(err, errSessionToken) || err == nil && claims.AccessKeyID != id {
		return Credential{}, api.UnrecognizedClient()
	}
	if err != nil {
		return Credential{}, err
	}
	if MicrosOf(s.config.Now()) >= claims.ExpiresAt {
		return Credential{}, api.ExpiredToken()
	}
	role, err := s.activePrincipal(ctx, claims.Role)
	if err != nil {
		return Credential{}, err
	}
	if role.row.Kind != Role || role.row.Account != claims.Account || claims.IssuedAt <= role.row.SessionsNotBefore {
		return Credential{}, api.UnrecognizedClient()
	}
	return Credential{
		Caller: Caller{
			Account: claims.Account, ARN: role.SessionARN(s.realm, claims.Name), PrincipalID: claims.principalID(), AccessKeyID: id,
			Session: &Session{Role: claims.Role, Name: claims.Name, IssuedAt: claims.IssuedAt, ExpiresAt: claims.ExpiresAt},
		},
		Secret: claims.Secret, Fingerprint: "session",
	}, nil
}
