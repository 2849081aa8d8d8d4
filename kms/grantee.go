package kms

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
)

// ResolveGrantee finds out whom a grant names as its grantee or retiring principal, as GrantRow.Grantee has it: the
// account for 12 digits or the ARN of its root, else the unique id of the user, role or session with that ARN or unique
// id. An InvalidArnException when there is nobody.
func (c *Call) ResolveGrantee(ctx context.Context, name string) (string, error) {
	if account, ok := c.accountNamed(name); ok {
		if _, err := c.service.account(ctx, account); err != nil {
			return "", unresolved(err, name)
		}
		return string(account), nil
	}
	id, err := c.service.resolvePrincipal(ctx, name)
	if err != nil {
		return "", unresolved(err, name)
	}
	return id, nil
}

// accountNamed is the account of 12 digits or of the ARN of a root; false for any other principal.
func (c *Call) accountNamed(name string) (AccountID, bool) {
	if isAccount(name) {
		return AccountID(name), true
	}
	ref, err := c.service.realm.parsePrincipalARN(name)
	return ref.account, err == nil && ref.root
}

// granteeARN is how policies know whom ResolveGrantee would find: by the ARN, or as given if that is nobody. It tells too
// whether that ARN is of another account and was not given.
func (c *Call) granteeARN(ctx context.Context, name string) (arn string, foreign bool, err error) {
	if account, ok := c.accountNamed(name); ok {
		return c.service.realm.RootARN(account), false, nil
	}
	if strings.HasPrefix(name, "arn:") {
		return name, false, nil
	}
	id, session, _ := strings.Cut(name, ":")
	p, err := c.service.principal(ctx, PrincipalID(id))
	if _, tampered := isTampered(err); tampered || errors.Is(err, ErrNotFound) {
		return name, false, nil
	}
	if err != nil {
		return "", false, err
	}
	if arn = p.arn; session != "" {
		arn = p.SessionARN(c.service.realm, session)
	}
	return arn, p.row.Account != c.caller.Account, nil
}

// IsOfCaller tells whether a principal that ResolveGrantee found is of the caller's account.
func (c *Call) IsOfCaller(ctx context.Context, id string) (bool, error) {
	if isAccount(id) {
		return AccountID(id) == c.caller.Account, nil
	}
	id, _, _ = strings.Cut(id, ":")
	p, err := c.service.principal(ctx, PrincipalID(id))
	if err != nil {
		return false, unresolved(err, id)
	}
	return p.row.Account == c.caller.Account, nil
}

func unresolved(err error, name string) error {
	if errors.Is(err, ErrNotFound) {
		return api.GrantPrincipal(name)
	}
	return closedBy(err, name)
}

// GranteeName is how a grantee or retiring principal is shown: as it was given, and by its unique id when the user or
// role was deleted since.
func (c *Call) GranteeName(ctx context.Context, id, given string) (string, error) {
	if isAccount(id) || id == "" {
		return given, nil
	}
	exists, err := c.exists(ctx, id)
	if err != nil || exists {
		return given, err
	}
	return id, nil
}

// exists tells whether the user or role with a unique id, also that of a session, is still there.
func (c *Call) exists(ctx context.Context, id string) (bool, error) {
	id, _, _ = strings.Cut(id, ":")
	_, err := c.service.principal(ctx, PrincipalID(id))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if _, tampered := isTampered(err); tampered {
		return true, nil
	}
	return err == nil, err
}

// PolicyText is the policy of a key as it was given, to the octet, but for users and roles that were deleted since: those
// stand as their unique ids, so that nobody takes a new bearer of the name for them.
func (c *Call) PolicyText(ctx context.Context, key *Key) (string, error) {
	ids, err := key.record.Policy.Bound.ids()
	if err != nil {
		return "", err
	}
	gone := map[string]string{}
	for name, id := range ids {
		exists, err := c.exists(ctx, id)
		if err != nil {
			return "", err
		}
		if !exists {
			gone[name] = id
		}
	}
	if len(gone) == 0 {
		return key.Policy(), nil
	}
	return key.policy.Render(func(name string) string {
		if id, ok := gone[name]; ok {
			return id
		}
		return name
	}), nil
}

// ListedGrant is a grant of a list, with the ARN of its key.
type ListedGrant struct {
	GrantRow
	Shape  GrantShape
	KeyARN string
}

// AuthenticGrants are the grants of a list that are as Keyhold wrote them; the others, and those of keys that are closed,
// count for nothing and are logged.
func (c *Call) AuthenticGrants(ctx context.Context, rows []GrantRow) ([]ListedGrant, error) {
	var list []ListedGrant
	for _, row := range rows {
		shape, err := c.service.provenGrant(ctx, row)
		var key *Key
		if err == nil {
			key, err = c.service.key(ctx, row.KeyID)
		}
		if _, tampered := isTampered(err); tampered || errors.Is(err, ErrNotFound) {
			c.service.log.ErrorContext(ctx, "a grant is not listed", "key", row.KeyID, "grant", row.ID, "error", err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("check grant %s: %w", row.ID, err)
		}
		list = append(list, ListedGrant{row, shape, key.ARN()})
	}
	return list, nil
}
