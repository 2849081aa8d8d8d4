package kms

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
)

// Whoever may write a key's policy may let in everybody of every account, and ask who that is. So of an account that the
// caller does not oversee, only those are spoken of whom the key's policy or its grants name, under the name that they
// have there: whoever wrote that knew it.

// oversees tells whether the caller may look into an account: its own, or any from the directory's own.
func (c *Call) oversees(account AccountID) bool {
	return c.caller.Account == account || c.overseesAll()
}

func (c *Call) overseesAll() bool { return c.caller.Account == c.service.meta.Account }

// stranger is somebody of an account that the caller does not oversee.
type stranger struct {
	name string // as asked for
	id   string // as in GrantRow.Grantee
}

// foreign is whom a name means in an account that the caller does not oversee, or nil: then it may be looked up. An
// ErrNotFound is that there is nobody. No row is authenticated here, so that a device that fails tells nothing.
func (c *Call) foreign(ctx context.Context, name string) (*stranger, error) {
	if c.overseesAll() || name == "root" {
		return nil, nil
	}
	if !strings.HasPrefix(name, "arn:") {
		return c.foreignID(ctx, name)
	}
	ref, err := c.service.realm.parsePrincipalARN(name)
	switch {
	case err != nil || ref.account == c.caller.Account:
		return nil, nil //nolint:nilerr // the look-up answers what is no ARN
	case ref.root:
		return &stranger{name, string(ref.account)}, nil
	}
	row, err := c.service.store.PrincipalNamed(ctx, ref.account, ref.kind, ref.name)
	if err != nil {
		return nil, err
	}
	who := &stranger{name, string(row.ID)}
	if ref.session != "" {
		who.id += ":" + ref.session
	}
	return who, nil
}

// foreignID is foreign for unique ids, and for names without an account, which are of the caller's.
func (c *Call) foreignID(ctx context.Context, name string) (*stranger, error) {
	if strings.Contains(name, "/") {
		return nil, nil
	}
	id, _, _ := strings.Cut(name, ":")
	record, err := c.service.store.Principal(ctx, PrincipalID(id))
	if err != nil || record.Principal.Account == c.caller.Account {
		return nil, err
	}
	return &stranger{name, name}, nil
}

// callerAskedAbout is the caller that a principal would be, if the question's asker may know of it.
func (c *Call) callerAskedAbout(ctx context.Context, name string) (Caller, error) {
	foreign, err := c.foreign(ctx, name)
	if err != nil {
		return Caller{}, noPrincipal(err, name)
	}
	if foreign == nil {
		return c.callerNamed(ctx, name)
	}
	named, err := c.isNamed(ctx, *foreign)
	if err != nil {
		return Caller{}, err
	}
	if !named {
		return Caller{}, api.NotFoundPrincipal(name)
	}
	who, err := c.callerNamed(ctx, name)
	if closed := (*closedError)(nil); errors.As(err, &closed) {
		return Caller{}, api.NotFoundPrincipal(name)
	}
	return c.knownAs(who, name), err
}

// knownAs is a caller under the name by which the asker knows it, which all texts use then.
func (c *Call) knownAs(who Caller, name string) Caller {
	if !c.oversees(who.Account) && !who.Root {
		who.ARN = name
	}
	return who
}

// isNamed tells whether the key's policy or a grant has a stranger under the name that is asked for, or the role of a
// session. By its unique id, one who is there under any name is named.
func (c *Call) isNamed(ctx context.Context, who stranger) (bool, error) {
	key := c.targets[0].key
	if key == nil {
		return false, nil
	}
	if isAccount(who.id) && slices.Contains(key.policy.Accounts(), who.id) {
		return true, nil
	}
	bound, err := key.record.Policy.Bound.ids()
	if err != nil {
		return false, err
	}
	role, _, _ := strings.Cut(who.id, ":")
	for given, id := range bound {
		if (id == who.id || id == role) && c.isSameName(who.name, given) {
			return true, nil
		}
	}
	for _, id := range slices.Compact([]string{role, who.id}) {
		held, err := c.service.grantsTo(ctx, granteeID{key.ID(), id})
		if err != nil {
			return false, err
		}
		for i := range held.list {
			if isAccount(id) || c.isSameName(who.name, held.list[i].row.GranteeARN) {
				return true, nil
			}
		}
	}
	return false, nil
}

// isSameName tells whether a name that is asked for is the one that somebody was given, or a session of that role. Names
// and unique ids lead to each other only for who has the id.
func (c *Call) isSameName(asked, given string) bool {
	if asked == given || !strings.HasPrefix(asked, "arn:") {
		return true
	}
	a, err := c.service.realm.parsePrincipalARN(asked)
	if err != nil || a.session == "" {
		return false
	}
	g, err := c.service.realm.parsePrincipalARN(given)
	return err == nil && g.session == "" && g.kind == Role && g.account == a.account && g.name == a.name
}

// discreet leaves out what is the matter of another account: the unique id of whom the asker knows by name, what its
// identity policies say, and what it is. That they allow or deny is the matter of the key's owner; how they do is not.
func (c *Call) discreet(a Access, who Caller) Access {
	if c.oversees(who.Account) {
		return a
	}
	if !who.Root && strings.HasPrefix(who.ARN, "arn:") {
		a.PrincipalID = ""
	}
	v := &a.Verdict
	switch {
	case a.Decision == notRecognized:
		a.Reason, a.Missing = "the credentials of "+a.ARN+" are not accepted", acceptedCredentials
	case v.Policy != "":
		v.Policy, v.Statement, v.Sid = "", 0, ""
		a.Reason = "the identity policies of " + a.ARN + " decided: " + a.Decision
	case v.Basis == policy.LacksResource && !who.Root:
		a.Reason = "no statement of the key policy and no grant allows " + a.ARN + " " + a.Action + "; its identity policies do, which alone is not enough"
	}
	var trace []policy.Trace
	for _, t := range a.Trace {
		if t.Policy == "" {
			t.Conditions = withoutCaller(t.Conditions, who)
			trace = append(trace, t)
		}
	}
	a.Trace = trace
	return a
}

// withoutCaller leaves out the values of condition keys about the caller.
func withoutCaller(list []policy.ConditionTrace, who Caller) []policy.ConditionTrace {
	list = slices.Clone(list)
	for i := range list {
		k := &list[i]
		hasAccount := who.Root || strings.HasPrefix(who.ARN, "arn:")
		if isAboutCaller(k.Key) || !hasAccount && strings.EqualFold(k.Key, "kms:CallerAccount") {
			k.Found, k.Present, k.Ambiguous = nil, false, false
		}
	}
	return list
}

// isAboutCaller tells the condition keys, as documents spell them, whose values the caller's account gives it.
func isAboutCaller(key string) bool {
	key = strings.ToLower(key)
	return strings.HasPrefix(key, "aws:principal") || slices.Contains([]string{"aws:userid", "aws:username", "aws:tokenissuetime"}, key)
}
