package kmstest

import (
	"context"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms"
)

type countsDropped struct{ kms.Store }

func (s countsDropped) Apply(ctx context.Context, c kms.Change) error {
	if c.MaxGrants > 0 {
		c.MaxGrants = max(1, c.MaxGrants-len(c.DropGrants))
	}
	return s.Store.Apply(ctx, c)
}

type cascades struct{ kms.Store }

func (s cascades) Apply(ctx context.Context, c kms.Change) error {
	for _, p := range c.DropPrincipals {
		keys, err := s.AccessKeys(ctx, p.ID)
		if err != nil {
			return err
		}
		others := slices.DeleteFunc(slices.Clone(c.DropAccessKeys), func(k kms.AccessKeyRow) bool { return k.Principal == p.ID })
		c.DropAccessKeys = append(others, keys...)
	}
	return s.Store.Apply(ctx, c)
}

type heedsCase struct{ kms.Store }

func (s heedsCase) PrincipalNamed(
	ctx context.Context, account kms.AccountID, kind kms.PrincipalKind, name string,
) (kms.PrincipalRow, error) {
	p, err := s.Store.PrincipalNamed(ctx, account, kind, name)
	if err == nil && p.Name != name {
		return kms.PrincipalRow{}, kms.ErrNotFound
	}
	return p, err
}

type readsPrincipalInParts struct{ kms.Store }

func (s readsPrincipalInParts) Principal(ctx context.Context, id kms.PrincipalID) (kms.PrincipalRecord, error) {
	first, err := s.Store.Principal(ctx, id)
	if err != nil {
		return first, err
	}
	second, err := s.Store.Principal(ctx, id)
	first.Policies = second.Policies
	return first, err
}

type findsByPrefix struct{ kms.Store }

func (s findsByPrefix) GrantsTo(ctx context.Context, key kms.KeyID, grantee string) ([]kms.GrantRow, error) {
	rows, err := s.Grants(ctx, key, "", "", storeAll)
	return slices.DeleteFunc(rows, func(g kms.GrantRow) bool { return !strings.HasPrefix(g.Grantee, grantee) }), err
}

type findsUnnamed struct{ kms.Store }

func (s findsUnnamed) GrantsNamed(ctx context.Context, key kms.KeyID, name string) ([]kms.GrantRow, error) {
	rows, err := s.Grants(ctx, key, "", "", storeAll)
	return slices.DeleteFunc(rows, func(g kms.GrantRow) bool { return g.Name != name }), err
}

type forgetsMarkerKey struct{ kms.Store }

func (s forgetsMarkerKey) RetirableGrants(
	ctx context.Context, retiring string, after kms.GrantID, _ kms.KeyID, limit int,
) ([]kms.GrantRow, error) {
	return s.Store.RetirableGrants(ctx, retiring, after, "\U0010ffff", limit)
}

type oldestFirst struct{ kms.Store }

func (s oldestFirst) SessionKeys(ctx context.Context) ([]kms.SessionKeyRow, error) {
	rows, err := s.Store.SessionKeys(ctx)
	slices.Reverse(rows)
	return rows, err
}
