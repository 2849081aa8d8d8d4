package kms

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

// Credential is what a request was, or was not, signed with.
type Credential struct {
	// Caller is who has the secret. Source, Agent and Secure are for the one who knows the connection to set.
	Caller Caller
	// Secret is the secret access key as the client has it, in base64. It is the receiver's own, to be wiped.
	Secret secret.Bytes
	// Fingerprint changes when the secret of an access key id does, for who remembers what was derived from it.
	Fingerprint string
}

// Credential is what an access key id stands for: an access key, or with a session's token its temporary credentials
// (AWS STS, "Using temporary credentials with AWS resources"). It must be asked for every request: an answer holds only
// until something changes.
//
// UnrecognizedClientException for an id that is not known or not in use, for a user, role or account that is not, and for
// a token that is none, or revoked, or of another id; ExpiredTokenException; else an error of the service's own.
func (s *Service) Credential(ctx context.Context, id AccessKeyID, sessionToken string) (Credential, error) {
	c, err := s.credential(ctx, id, sessionToken)
	if err != nil {
		return Credential{}, s.credentialError(ctx, id, err)
	}
	return c, nil
}

func (s *Service) credential(ctx context.Context, id AccessKeyID, token string) (Credential, error) {
	switch isSession := strings.HasPrefix(string(id), sessionPrefix); {
	case isSession != (token != ""):
		return Credential{}, api.UnrecognizedClient()
	case isSession:
		return s.sessionCredential(ctx, id, token)
	}
	k, err := s.accessKey(ctx, id)
	if err != nil {
		return Credential{}, err
	}
	if k.row.State != Active {
		return Credential{}, api.UnrecognizedClient()
	}
	user, err := s.activePrincipal(ctx, k.row.Principal)
	if err != nil {
		return Credential{}, err
	}
	if user.row.Kind != User || user.row.Account != k.row.Account {
		return Credential{}, api.UnrecognizedClient()
	}
	value, err := s.secretOf(ctx, k)
	sum := sha256.Sum256(k.row.Sealed)
	return Credential{
		Caller: Caller{Account: user.row.Account, ARN: user.ARN(), PrincipalID: string(user.row.ID), AccessKeyID: id},
		Secret: value, Fingerprint: hex.EncodeToString(sum[:]),
	}, err
}

// activePrincipal is a user or role that is in use, of an account that is; UnrecognizedClientException for any other.
func (s *Service) activePrincipal(ctx context.Context, id PrincipalID) (*Principal, error) {
	p, err := s.principal(ctx, id)
	if err != nil {
		return nil, err
	}
	a, err := s.account(ctx, p.row.Account)
	if err != nil {
		return nil, err
	}
	if p.row.State != Active || a.row.State != Active {
		return nil, api.UnrecognizedClient()
	}
	return p, nil
}

// credentialError is the wire's error. Who is not authenticated learns nothing about rows: what is wrong with them goes
// to the log.
func (s *Service) credentialError(ctx context.Context, id AccessKeyID, err error) error {
	var wire *api.Error
	if errors.As(err, &wire) {
		return wire
	}
	if errors.Is(err, ErrNotFound) {
		return api.UnrecognizedClient()
	}
	var closed *closedError
	_, tampered := isTampered(err)
	switch {
	case errors.As(err, &closed): // the sealing key
		s.log.ErrorContext(ctx, "no access key can be opened", "error", err)
		return api.Internal()
	case tampered:
		s.log.ErrorContext(ctx, "an access key is refused", "accessKey", string(id), "error", err)
		return api.UnrecognizedClient()
	}
	// The id stays out of the log: it is not known to be one, and may be a secret that was typed in its place.
	return s.mapError(ctx, err, "credentials could not be looked up")
}
