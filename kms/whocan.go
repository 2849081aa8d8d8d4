package kms

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/internal/admission"
)

// candidatesAtOnce bounds how many principals one page of WhoCan decides about: a page of few who can, in a directory of
// many who cannot, ends early and says where to go on.
const candidatesAtOnce = 2000

// candidate is somebody who may be able to do what is asked, and the marker of the page that begins after it. Markers are
// "<account>" for its root, "<account>/<unique id>" for a user or role, and those of named, behind "~". They tell no
// unique id of another account, as clients can read them.
type candidate struct {
	marker string
	who    *Caller // nil is nobody, who counts as looked at
	others bool    // everybody whom nothing names, see othersMay
}

// WhoCan lists who may do an action with the key of the first target: the root, the users and the roles of every account
// that the caller oversees, by account and unique id; after them, whom the key's policy and grants name besides: sessions,
// and roots, users and roles of other accounts; and last, whether principals of other accounts may who are not named. A
// role stands for its sessions. At most limit of them are answered, those after a marker of an earlier page, and the
// marker of the next page, empty on the last one. Principals whose rows were changed outside Keyhold can do nothing.
// It waits for its turns, see SimulationsAtOnce, and ends with ctx; a page ends early when the next turn does not come.
func (c *Call) WhoCan(ctx context.Context, q AccessQuestion, after string, limit int) ([]Access, string, error) {
	turn, err := c.turn(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() { turn.done() }() // that of the last turn
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
		if err := turn.goOn(ctx); err != nil {
			if decided > 0 && errors.Is(err, admission.ErrThrottled) {
				more, err = last, nil
			}
			return false, err
		}
		decided, last = decided+1, next.marker
		a, err := c.candidateOutcome(ctx, next, asked, q.Suppose, t)
		if _, tampered := isTampered(err); err != nil && !tampered {
			return false, err
		}
		if a.Allowed {
			found = append(found, a)
		}
		return true, nil
	})
	return found, more, err
}

func (c *Call) candidateOutcome(ctx context.Context, next candidate, asked askedAction, suppose Supposition, t *resolved) (Access, error) {
	switch {
	case next.others:
		return c.othersMay(ctx, asked, suppose, t)
	case next.who == nil:
		return Access{}, nil
	}
	a, err := c.simulate(*next.who, asked, suppose).outcome(ctx, t)
	return c.discreet(a, *next.who), err
}

// eachCandidate visits the candidates after a marker, in order, until visit says no.
func (c *Call) eachCandidate(ctx context.Context, after string, visit func(candidate) (bool, error)) error {
	if !strings.HasPrefix(after, namedMark) {
		accounts, err := c.overseen(ctx)
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
		after = namedMark
	}
	return c.eachNamed(ctx, strings.TrimPrefix(after, namedMark), visit)
}

// overseen are the accounts that the caller oversees, in order.
func (c *Call) overseen(ctx context.Context) ([]AccountID, error) {
	if c.overseesAll() {
		return c.accounts(ctx)
	}
	return []AccountID{c.caller.Account}, nil
}

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
		if goOn, err := visit(candidate{marker: string(account), who: &root}); err != nil || !goOn {
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
			who, err := c.candidateOf(ctx, row.ID, "")
			if err != nil {
				return false, err
			}
			goOn, err := visit(candidate{marker: string(account) + "/" + string(row.ID), who: who})
			if err != nil || !goOn {
				return false, err
			}
		}
	}
}

// candidateOf is a user, a role, or a session of a role, if it is there and as Keyhold wrote it, or nil.
func (c *Call) candidateOf(ctx context.Context, id PrincipalID, session string) (*Caller, error) {
	p, err := c.service.principal(ctx, id)
	if _, tampered := isTampered(err); tampered || errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	who := c.principalCaller(p, session)
	return &who, nil
}
