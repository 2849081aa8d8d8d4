package kms

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
)

// candidatesAtOnce bounds how many principals one page of WhoCan decides about: a page of few who can, in a directory of
// many who cannot, ends early and says where to go on.
const candidatesAtOnce = 2000

// candidate is somebody who may be able to do what is asked, and the marker of the page that begins after it. Markers are
// "<account>" for its root, "<account>/<unique id>" for a user or role, and "~<role id>:<name>" for a session.
type candidate struct {
	marker string
	who    Caller
}

// WhoCan lists who may do an action with the key of the first target: the roots of all accounts, users and roles, by
// account and unique id, and after them the sessions that the key's policy or grants name. A role stands for its sessions.
// At most limit of them are answered, those after a marker of an earlier page, and the marker of the next page, empty on
// the last one. Principals whose rows were changed outside Keyhold can do nothing.
func (c *Call) WhoCan(ctx context.Context, q AccessQuestion, after string, limit int) ([]Access, string, error) {
	asked, err := c.service.askedOf(q.Action)
	if err != nil {
		return nil, "", err
	}
	t, err := c.supposedTarget(ctx, asked, q)
	if err != nil {
		return nil, "", err
	}
	var found []Access
	decided, last, more := 0, "", ""
	err = c.eachCandidate(ctx, after, func(next candidate) (bool, error) {
		if len(found) == limit || decided == candidatesAtOnce {
			more = last
			return false, nil
		}
		decided, last = decided+1, next.marker
		a, err := c.simulate(next.who, asked, q.Suppose).outcome(ctx, t)
		if _, tampered := isTampered(err); err != nil && !tampered {
			return false, err
		}
		if a.Allowed {
			found = append(found, c.discreet(a, next.who.Account))
		}
		return true, nil
	})
	return found, more, err
}

// eachCandidate visits the candidates after a marker, in order, until visit says no.
func (c *Call) eachCandidate(ctx context.Context, after string, visit func(candidate) (bool, error)) error {
	if !strings.HasPrefix(after, sessionMark) {
		accounts, err := c.accounts(ctx)
		if err != nil {
			return err
		}
		account, id, _ := strings.Cut(after, "/")
		from, known := slices.BinarySearch(accounts, AccountID(account))
		for i, a := range accounts[from:] {
			within := i == 0 && known
			goOn, err := c.eachOf(ctx, a, within, PrincipalID(id), visit)
			if err != nil || !goOn {
				return err
			}
		}
		after = sessionMark
	}
	return c.eachSession(ctx, strings.TrimPrefix(after, sessionMark), visit)
}

// sessionMark comes after every account.
const sessionMark = "~"

// accounts are the ids of all accounts, in order.
func (c *Call) accounts(ctx context.Context) ([]AccountID, error) {
	list := []AccountID{c.service.meta.Account}
	after := AccountID("")
	for {
		rows, err := c.service.store.Accounts(ctx, after, inspectionPage)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			slices.Sort(list)
			return slices.Compact(list), nil
		}
		for _, row := range rows {
			list, after = append(list, row.ID), row.ID
		}
	}
}

// eachOf visits the root of an account, unless the marker was within the account, and its users and roles after an id.
func (c *Call) eachOf(ctx context.Context, account AccountID, within bool, after PrincipalID, visit func(candidate) (bool, error)) (bool, error) {
	if !within {
		after = ""
		root := c.service.RootOf(account, "", "")
		root.Local, root.Secure = false, true
		if goOn, err := visit(candidate{string(account), root}); err != nil || !goOn {
			return false, err
		}
	}
	for {
		rows, err := c.service.store.Principals(ctx, account, after, inspectionPage)
		if err != nil || len(rows) == 0 {
			return err == nil, err
		}
		for _, row := range rows {
			after = row.ID
			goOn, err := c.visitPrincipal(ctx, string(account)+"/"+string(row.ID), row.ID, "", visit)
			if err != nil || !goOn {
				return false, err
			}
		}
	}
}

// visitPrincipal visits a user, a role, or a session of a role, if it is there and as Keyhold wrote it.
func (c *Call) visitPrincipal(ctx context.Context, marker string, id PrincipalID, session string, visit func(candidate) (bool, error)) (bool, error) {
	p, err := c.service.principal(ctx, id)
	if _, tampered := isTampered(err); tampered || errors.Is(err, ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return visit(candidate{marker, c.principalCaller(p, session)})
}

// eachSession visits the sessions that the key's policy and grants name, after an id.
func (c *Call) eachSession(ctx context.Context, after string, visit func(candidate) (bool, error)) error {
	names, err := c.namedSessions(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name <= after {
			continue
		}
		role, session, _ := strings.Cut(name, ":")
		goOn, err := c.visitPrincipal(ctx, sessionMark+name, PrincipalID(role), session, visit)
		if err != nil || !goOn {
			return err
		}
	}
	return nil
}

// namedSessions are the unique ids of the sessions that the policy and the grants of the key name, each once and in order.
// Whether a grant is authentic comes out when it is asked to decide.
func (c *Call) namedSessions(ctx context.Context) ([]string, error) {
	key := c.targets[0].key
	bound, err := key.record.Policy.Bound.ids()
	if err != nil {
		return nil, err
	}
	var names []string
	add := func(id string) {
		if strings.Contains(id, ":") {
			names = append(names, id)
		}
	}
	for _, id := range bound {
		add(id)
	}
	after := GrantID("")
	for {
		rows, err := c.service.store.Grants(ctx, key.ID(), "", after, api.MaxGrantsPerKey)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			slices.Sort(names)
			return slices.Compact(names), nil
		}
		for _, row := range rows {
			add(row.Grantee)
			after = row.ID
		}
	}
}
