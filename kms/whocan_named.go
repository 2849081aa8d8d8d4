package kms

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// namedMark comes after every account. What follows it is one of the marks below and the name.
const namedMark = "~"

// The sections of those whom a key names, in order: the accounts of its policy, the users, roles and sessions there, and
// the grantees of its grants, by the grants' ids. The others are the last entry.
const (
	accountMark = "1"
	policyMark  = "2"
	grantMark   = "3"
	othersMark  = "4"
)

// eachNamed visits those whom the key's policy and grants name and who were not visited with their account, after a mark.
func (c *Call) eachNamed(ctx context.Context, after string, visit func(candidate) (bool, error)) error {
	section := func(mark string) (string, bool) {
		if after == "" || after[:1] < mark {
			return "", true
		}
		return after[1:], after[:1] == mark
	}
	for _, s := range []struct {
		mark  string
		visit func(context.Context, string, func(candidate) (bool, error)) (bool, error)
	}{{accountMark, c.eachNamedAccount}, {policyMark, c.eachNamedInPolicy}, {grantMark, c.eachGrantee}} {
		name, ok := section(s.mark)
		if !ok {
			continue
		}
		goOn, err := s.visit(ctx, name, func(next candidate) (bool, error) {
			next.marker = namedMark + s.mark + next.marker
			return visit(next)
		})
		if err != nil || !goOn {
			return err
		}
	}
	if c.overseesAll() || strings.HasPrefix(after, othersMark) {
		return nil
	}
	_, err := visit(candidate{marker: namedMark + othersMark, others: true})
	return err
}

func (c *Call) eachNamedAccount(ctx context.Context, after string, visit func(candidate) (bool, error)) (bool, error) {
	for _, account := range c.targets[0].key.policy.Accounts() {
		if account <= after {
			continue
		}
		if goOn, err := visit(candidate{marker: account, who: c.namedRoot(AccountID(account))}); err != nil || !goOn {
			return false, err
		}
	}
	return true, nil
}

// namedRoot is the root of an account that is named, unless it was visited with its account.
func (c *Call) namedRoot(account AccountID) *Caller {
	if c.oversees(account) {
		return nil
	}
	root := c.service.RootOf(account, "", "")
	root.Local, root.Secure = false, true
	return &root
}

func (c *Call) eachNamedInPolicy(ctx context.Context, after string, visit func(candidate) (bool, error)) (bool, error) {
	bound, err := c.targets[0].key.record.Policy.Bound.ids()
	if err != nil {
		return false, err
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(bound)) {
		id := bound[name]
		if again := seen[id]; again || name <= after {
			seen[id] = true
			continue
		}
		seen[id] = true
		who, err := c.namedCaller(ctx, id, name)
		if err != nil {
			return false, err
		}
		if goOn, err := visit(candidate{marker: name, who: who}); err != nil || !goOn {
			return false, err
		}
	}
	return true, nil
}

// namedCaller is who has a unique id and is called by a name, unless it was visited with its account.
func (c *Call) namedCaller(ctx context.Context, id, name string) (*Caller, error) {
	id, session, _ := strings.Cut(id, ":")
	who, err := c.candidateOf(ctx, PrincipalID(id), session)
	if err != nil || who == nil || session == "" && c.oversees(who.Account) {
		return nil, err
	}
	known := c.knownAs(*who, name)
	return &known, nil
}

// eachGrantee visits the grantees of the key's grants, each at the first of its grants that is authentic.
func (c *Call) eachGrantee(ctx context.Context, after string, visit func(candidate) (bool, error)) (bool, error) {
	key := c.targets[0].key
	bound, err := key.record.Policy.Bound.ids()
	if err != nil {
		return false, err
	}
	inPolicy := slices.Concat(slices.Collect(maps.Values(bound)), key.policy.Accounts())
	for {
		rows, err := c.service.store.Grants(ctx, key.ID(), "", GrantID(after), inspectionPage)
		if err != nil || len(rows) == 0 {
			return err == nil, err
		}
		for i := range rows {
			next := candidate{marker: string(rows[i].ID)}
			if after = next.marker; !slices.Contains(inPolicy, rows[i].Grantee) {
				if next.who, err = c.granteeOf(ctx, &rows[i]); err != nil {
					return false, err
				}
			}
			if goOn, err := visit(next); err != nil || !goOn {
				return false, err
			}
		}
	}
}

// granteeOf is the grantee of a grant, unless it was visited before.
func (c *Call) granteeOf(ctx context.Context, row *GrantRow) (*Caller, error) {
	session := strings.Contains(row.Grantee, ":")
	if !session && c.overseesAll() || isAccount(row.Grantee) && c.oversees(AccountID(row.Grantee)) {
		return nil, nil
	}
	held, err := c.service.grantsTo(ctx, granteeID{row.KeyID, row.Grantee})
	if err != nil || len(held.list) == 0 || held.list[0].row.ID != row.ID {
		return nil, err
	}
	if isAccount(row.Grantee) {
		return c.namedRoot(AccountID(row.Grantee)), nil
	}
	return c.namedCaller(ctx, row.Grantee, held.list[0].row.GranteeARN)
}
