package kms

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
)

// A simulated request is decided by the code that decides real ones: a Call of another caller, which is identified and
// authorized and goes no further. What it cannot know is supposed: it comes over TLS, from no address and no agent, and a
// session begins now and lasts an hour.

// Supposition says what condition keys are taken to be in a simulated request: by their names as policies spell them, in
// whatever case, with the part that follows the name in those that have one. A key with no values is absent.
type Supposition map[string][]string

func (s Supposition) lookup(key policy.ConditionKey) (policy.Values, bool) {
	for name, values := range s {
		same := strings.EqualFold(name, key.Name)
		if key.Sub != "" {
			same = strings.EqualFold(name, key.Name+":"+key.Sub) || strings.EqualFold(name, key.Name+"/"+key.Sub)
		}
		if same {
			return policy.Values{List: values, Present: len(values) > 0}, true
		}
	}
	return policy.Values{}, false
}

// AccessQuestion asks whether a principal may do something with the resource that the call's first target is, or with a
// resource that is no key.
type AccessQuestion struct {
	// Principal is an ARN of a user, role, session or root, a unique id, with ":" and a name for a session, "user/<name>"
	// or "role/<name>" of the caller's account, or "root" for the root of the key's account or the caller's.
	Principal         string
	Action            string // "kms:Encrypt", in any case of letters
	Resource          string // of an action that is asked of no key: an ARN, or "*" or empty
	EncryptionContext map[string]string
	Suppose           Supposition
}

// Access is what a simulated request came to.
type Access struct {
	ARN         string
	PrincipalID string
	Kind        string // "root", "user", "role" or "session"
	Action      string // as operations spell it
	Resource    string
	Allowed     bool
	Decision    string // see decisions
	Reason      string // a sentence without its full stop
	Missing     string // what would have to be there, likewise; empty when it is allowed
	// Verdict is what decided, without the names of an identity policy that is none of the caller's business.
	Verdict policy.Verdict
	Trust   bool           // the resource's policy is a trust policy
	Trace   []policy.Trace // of every statement and grant that was looked at
	// Obstacle is why a request that is allowed fails nevertheless, as the key's state has it; empty when none is known.
	Obstacle string
}

// ExplainAccess answers one question, when it is its turn: see SimulationsAtOnce. The errors are those of the wire, and ctx's.
func (c *Call) ExplainAccess(ctx context.Context, q AccessQuestion) (Access, error) {
	turn, err := c.turn(ctx)
	if err != nil {
		return Access{}, err
	}
	defer turn.done()
	asked, err := c.service.askedOf(q.Action)
	if err != nil {
		return Access{}, err
	}
	t, err := c.supposedTarget(ctx, asked, q)
	if err != nil {
		return Access{}, err
	}
	who, err := c.callerAskedAbout(ctx, q.Principal)
	if err != nil {
		return Access{}, err
	}
	s := c.simulate(who, asked, q.Suppose)
	a, err := s.outcome(ctx, t)
	if err != nil || a.Decision == notRecognized || a.Decision == notThere {
		return c.discreet(a, who), err
	}
	t = &s.targets[0]
	if a.Missing, err = s.missing(ctx, t); err != nil {
		return Access{}, err
	}
	if a.Trace, err = s.trace(ctx, t); err != nil {
		return Access{}, err
	}
	if a.Allowed && t.key != nil {
		a.Obstacle = asked.obstacle(t.key)
	}
	return c.discreet(a, who), nil
}

// supposedTarget is what the simulated request is about.
func (c *Call) supposedTarget(ctx context.Context, asked askedAction, q AccessQuestion) (*resolved, error) {
	if key := c.targets[0].key; key != nil {
		like, ok := asked.of(targetKind.isKey)
		if !ok {
			return nil, api.Validation(asked.name + " is not asked of a key: leave KeyId out, and name a Resource if it has one.")
		}
		t := &resolved{Target: Target{Action: asked.name, kind: keyOrAlias, across: asked.across(), overseen: like.overseen, context: q.EncryptionContext}}
		if like.kind == brokenGlass || like.kind == listFilter {
			t.kind = like.kind
		}
		t.key, t.alias = key, c.targets[0].alias
		return t, nil
	}
	like, ok := asked.of(func(k targetKind) bool { return !k.isKey() })
	if !ok {
		return nil, api.Validation(asked.name + " is asked of a key: name it in KeyId.")
	}
	t := &resolved{Target: Target{Action: asked.name, kind: like.kind, context: q.EncryptionContext}}
	switch t.kind {
	case byARN:
		t.arnOf = func(Realm, AccountID) string { return q.Resource }
	case aPrincipal, byAccessKey, roleToAssume:
		return t, c.supposedPrincipal(ctx, t, q.Resource)
	}
	return t, nil
}

func (c *Call) supposedPrincipal(ctx context.Context, t *resolved, name string) error {
	foreign, err := c.foreign(ctx, name)
	if err != nil {
		return noPrincipal(err, name)
	}
	if foreign != nil {
		return api.NotFoundPrincipal(name)
	}
	t.principal, err = c.findPrincipal(ctx, name)
	return err
}

// findPrincipal finds a user or role by what the caller calls it.
func (c *Call) findPrincipal(ctx context.Context, name string) (*Principal, error) {
	id, err := c.principalID(ctx, Target{ref: name})
	var p *Principal
	if err == nil {
		p, err = c.service.principal(ctx, id)
	}
	return p, noPrincipal(err, name)
}

func noPrincipal(err error, name string) error {
	if errors.Is(err, ErrNotFound) {
		return api.NotFoundPrincipal(name)
	}
	return closedBy(err, name)
}

// callerNamed is the caller that a principal would be.
func (c *Call) callerNamed(ctx context.Context, name string) (Caller, error) {
	ref, err := c.service.realm.parsePrincipalARN(name)
	switch {
	case name == "root":
		return c.rootCaller(ctx, c.keysAccount(), name)
	case err == nil && ref.root:
		return c.rootCaller(ctx, ref.account, name)
	}
	id, session := name, ""
	if err == nil && ref.session != "" {
		if id, err = c.service.resolvePrincipal(ctx, name); err != nil {
			return Caller{}, noPrincipal(err, name)
		}
	}
	if !strings.HasPrefix(id, "arn:") {
		id, session, _ = strings.Cut(id, ":")
	}
	p, err := c.findPrincipal(ctx, id)
	if err != nil {
		return Caller{}, err
	}
	if session != "" && (p.row.Kind != Role || !isSessionName(session)) {
		return Caller{}, api.NotFoundPrincipal(name)
	}
	return c.principalCaller(p, session), nil
}

// keysAccount is the account of the key that the call is about, or the caller's when it is about none.
func (c *Call) keysAccount() AccountID {
	if key := c.targets[0].key; key != nil {
		return key.Row().Account
	}
	return c.caller.Account
}

func (c *Call) rootCaller(ctx context.Context, account AccountID, name string) (Caller, error) {
	if _, err := c.service.account(ctx, account); err != nil {
		return Caller{}, noPrincipal(err, name)
	}
	root := c.service.RootOf(account, "", "")
	root.Local, root.Secure = false, true
	return root, nil
}

// principalCaller is a user, a session of a role, or a role, which stands for any session of it.
func (c *Call) principalCaller(p *Principal, session string) Caller {
	who := Caller{Account: p.row.Account, ARN: p.arn, PrincipalID: string(p.row.ID), Secure: true}
	if p.row.Kind != Role {
		return who
	}
	who.Session = &Session{
		Role: p.row.ID, Name: session, IssuedAt: max(MicrosOf(c.now), p.row.SessionsNotBefore+1), ExpiresAt: MicrosOf(c.now.Add(time.Hour)),
	}
	if session != "" {
		who.ARN, who.PrincipalID = p.SessionARN(c.service.realm, session), string(p.row.ID)+":"+session
	}
	return who
}
