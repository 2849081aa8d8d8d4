package ops

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// principalOf is the target of an operation on one user or role.
func principalOf(ref *string, action string) []kms.Target {
	return []kms.Target{kms.PrincipalOf(ref, action)}
}

// describe is a user or role as replies show it, given its row as it is, or is about to be.
func describe(realm kms.Realm, row kms.PrincipalRow, tags map[string]string, trust string) api.Principal {
	p := principalEntry(realm, row)
	p.TrustPolicy = trust
	if len(tags) > 0 {
		p.Tags = tags
	}
	return p
}

// principalEntry is a user or role as lists show it.
func principalEntry(realm kms.Realm, row kms.PrincipalRow) api.Principal {
	return api.Principal{
		Arn: realm.PrincipalARN(row.Account, row.Kind, row.Path, row.Name), PrincipalID: string(row.ID), Kind: string(row.Kind),
		Name: row.Name, Path: row.Path, AccountID: string(row.Account), State: string(row.State), Description: row.Description,
		MaxSessionDuration: int32(row.MaxSessionSeconds), CreateDate: api.Time(row.CreatedAt),
		SessionsRevokedBefore: api.Time(row.SessionsNotBefore),
	}
}

// describeNow is the principal of a target as it is.
func describeNow(ctx context.Context, c *kms.Call, p *kms.Principal) (api.Principal, error) {
	trust, err := c.RenderTrust(ctx, p)
	return describe(c.Realm(), p.Row(), p.Tags(), trust), err
}

// encodeTags is how a principal's row keeps its tags: in the order of their keys.
func encodeTags(tags map[string]string) (string, error) {
	if len(tags) == 0 {
		return "", nil
	}
	text, err := json.Marshal(tags)
	return string(text), err
}

// setPrincipalState makes the first target active or inactive.
func setPrincipalState(ctx context.Context, c *kms.Call, state kms.ActiveState) (kms.Change, api.Principal, error) {
	row := c.Principal(0).Next()
	row.State = state
	p, err := describeNow(ctx, c, c.Principal(0))
	p.State = string(state)
	return kms.Change{Principals: []kms.PrincipalRow{row}}, p, err
}

// nameIsFree refuses a name that a principal of the caller's account and of the kind has already.
func nameIsFree(ctx context.Context, c *kms.Call, kind kms.PrincipalKind, name string) error {
	switch row, err := c.Store().PrincipalNamed(ctx, c.Caller().Account, kind, name); {
	case err == nil:
		return api.AlreadyExistsPrincipal(c.Realm().PrincipalARN(row.Account, row.Kind, row.Path, row.Name))
	case !errors.Is(err, kms.ErrNotFound):
		return err
	}
	return nil
}
