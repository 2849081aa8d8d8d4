package kms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
)

// bind makes the bindings of what a policy names.
func bind(ids map[string]string) (Bindings, error) {
	if len(ids) == 0 {
		return "", nil
	}
	text, err := json.Marshal(ids) // in the order of the names
	return Bindings(text), err
}

// ids are the bindings by name.
func (b Bindings) ids() (map[string]string, error) {
	if b == "" {
		return nil, nil
	}
	var ids map[string]string
	if err := json.Unmarshal([]byte(b), &ids); err != nil {
		return nil, fmt.Errorf("read whom a policy's principals were: %w", err)
	}
	return ids, nil
}

// compile makes a stored policy ready for decisions.
func compile(kind policy.Kind, document string, bound Bindings) (*policy.Policy, error) {
	p, err := policy.Parse(kind, document)
	if err != nil {
		return nil, fmt.Errorf("the stored policy does not parse: %w", err)
	}
	ids, err := bound.ids()
	if err != nil {
		return nil, err
	}
	return p.Bind(ids), nil
}

// resolvePolicy finds out whom a policy names, when it is written: a name that is given to somebody else later is not
// meant. A name that nobody has is AWS's PolicyPrincipals.
func (s *Service) resolvePolicy(ctx context.Context, p *policy.Policy) (Bindings, error) {
	for _, account := range p.Accounts() {
		if _, err := s.account(ctx, AccountID(account)); errors.Is(err, ErrNotFound) {
			return "", api.PolicyPrincipals()
		} else if err != nil {
			return "", err
		}
	}
	ids := map[string]string{}
	for _, name := range p.Principals() {
		id, err := s.resolvePrincipal(ctx, name)
		if errors.Is(err, ErrNotFound) {
			return "", api.PolicyPrincipals()
		}
		if err != nil {
			return "", err
		}
		ids[name] = id
	}
	return bind(ids)
}

// resolvePrincipal is the unique id of a user, role or session that a policy or grant names by ARN or by unique id:
// "AIDA...", "AROA..." or "AROA...:session". ErrNotFound when nobody has the name.
func (s *Service) resolvePrincipal(ctx context.Context, name string) (string, error) {
	if !strings.HasPrefix(name, "arn:") {
		id, session, isSession := strings.Cut(name, ":")
		p, err := s.principal(ctx, PrincipalID(id))
		if err != nil {
			return "", err
		}
		if isSession && (session == "" || p.row.Kind != Role) {
			return "", ErrNotFound
		}
		return name, nil
	}
	ref, err := s.realm.parsePrincipalARN(name)
	if err != nil || ref.root {
		return "", errors.Join(ErrNotFound, err)
	}
	row, err := s.store.PrincipalNamed(ctx, ref.account, ref.kind, ref.name)
	if err != nil {
		return "", err
	}
	// By the name alone the store has found a row; the snapshot is authenticated.
	p, err := s.principal(ctx, row.ID)
	if err != nil {
		return "", err
	}
	if !p.isNamed(ref) {
		return "", ErrNotFound
	}
	if ref.session != "" {
		return string(row.ID) + ":" + ref.session, nil
	}
	return string(row.ID), nil
}

// render is a policy as it is shown: whom it names and who is no more stands there as the unique id, so that nobody takes
// it for whoever has the name now (AWS KMS Developer Guide, "Key policies in AWS KMS", on deleted principals).
func (s *Service) render(ctx context.Context, p *policy.Policy, bound Bindings) (string, error) {
	ids, err := bound.ids()
	if err != nil {
		return "", err
	}
	for name, id := range ids {
		owner, _, _ := strings.Cut(id, ":")
		_, err := s.principal(ctx, PrincipalID(owner))
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if _, tampered := isTampered(err); err != nil && !tampered {
			return "", err
		}
		delete(ids, name)
	}
	return p.Render(func(name string) string {
		if id, gone := ids[name]; gone {
			return id
		}
		return name
	}), nil
}
