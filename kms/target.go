package kms

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/policy"
)

// Target is what one request wants of one key, principal or other resource: which one, how it is named, and the action
// the caller needs on it. The constructors below are the ways a target can be named.
type Target struct {
	Action     string // "kms:Encrypt"; empty: nobody needs to be allowed it
	kind       targetKind
	ref        string
	across     bool // it may be of another account
	overseen   bool // the identity policies of its own account decide
	ciphertext []byte
	context    map[string]string
	arnOf      func(realm Realm, account AccountID) string
	child      *GrantShape
	token      string  // of GrantToRetire
	grant      GrantID // likewise
	asked      map[string][]string
	owner      string // of AccessKeyOf: whose it must be; empty for anybody's
}

// With adds the encryption context that the request has for this key, for policies and grants to judge.
func (t Target) With(context map[string]string) Target {
	t.context = context
	return t
}

// AcrossAccounts lets the key be of another account, where constructors do not say so already.
func (t Target) AcrossAccounts() Target {
	t.across = true
	return t
}

// Asking adds a condition key that mirrors a member of the request and is about this target only, with its name in lower
// case. See Operation.Conditions.
func (t Target) Asking(name string, values ...string) Target {
	t.asked = maps.Clone(t.asked)
	if t.asked == nil {
		t.asked = map[string][]string{}
	}
	t.asked[name] = values
	return t
}

// Overseen leaves the decision to the identity policies of the key's own account, whatever the key's policy says: for
// actions that are about a key and do nothing with it. It makes no service key.
func (t Target) Overseen() Target {
	t.overseen = true
	return t
}

// Granting says which grant the caller wants to make: a grant that lets it make grants must cover that one.
func (t Target) Granting(shape GrantShape) Target {
	t.child = &shape
	return t
}

type targetKind int

const (
	noKey        targetKind = iota + 1
	keyOrAlias              // id, key ARN, alias name or alias ARN
	keyOnly                 // id or key ARN
	aliasOnly               // the name of an existing alias, which stands for its key
	byCiphertext            // the key that a ciphertext blob names; the caller may say which it expects
	listFilter              // as keyOnly, but nothing is asked of the key
	aliasTarget             // as keyOnly, with AWS's own refusal of aliases
	ofHome                  // the whole installation, of which the directory's own account decides
	byARN                   // a resource that has a name and no policy of its own
	aPrincipal              // a user or role of the caller's account
	roleToAssume            // a role, by its ARN, of whatever account
	byGrant                 // the key of a grant that is to be retired
	byAccessKey             // the user that an access key belongs to
	brokenGlass             // as keyOnly, for the account's root at the data directory, whatever the key's policy says
)

// isKey tells whether a target of the kind has a key whose state matters.
func (k targetKind) isKey() bool {
	return !slices.Contains([]targetKind{noKey, ofHome, byARN, aPrincipal, roleToAssume, byAccessKey}, k)
}

// NoKey is an action on the account as a whole, such as kms:ListKeys.
func NoKey(action string) Target { return Target{Action: action, kind: noKey} }

// OfInstallation is an action on the installation as a whole, such as creating accounts: it is for the root and the
// principals of the directory's own account.
func OfInstallation(action string) Target { return Target{Action: action, kind: ofHome} }

// Resource is something of the caller's account that has a name and no policy of its own, such as an alias: identity
// policies decide.
func Resource(action string, arn func(realm Realm, account AccountID) string) Target {
	return Target{Action: action, kind: byARN, arnOf: arn}
}

// RetirableBy are the grants that a principal may retire, whom Call.ResolveGrantee would find. Policies know them as the
// principal's ARN, however the request names it.
func RetirableBy(principal *string, action string) Target {
	return Target{Action: action, kind: byARN, ref: value(principal)}
}

// PrincipalOf is a user or role of the caller's account, named by ARN, unique id, "user/<name>" or "role/<name>".
func PrincipalOf(ref *string, action string) Target {
	return Target{Action: action, kind: aPrincipal, ref: value(ref)}
}

// AccessKeyOf is the user of the caller's account that an access key belongs to. When ref is set it must name that user,
// in one of the forms of PrincipalOf.
func AccessKeyOf(id, ref *string, action string) Target {
	return Target{Action: action, kind: byAccessKey, ref: value(id), owner: value(ref)}
}

// RoleToAssume is a role named by its ARN, of whatever account.
func RoleToAssume(ref *string) Target {
	return Target{Action: "sts:AssumeRole", kind: roleToAssume, ref: value(ref), across: true}
}

// KeyOrAlias is a key named by id, key ARN, alias name or alias ARN, in the caller's account or another.
func KeyOrAlias(ref *string, action string) Target {
	return Target{Action: action, kind: keyOrAlias, ref: value(ref), across: true}
}

// KeyOnly is a key named by id or key ARN; an alias is refused before any look-up.
func KeyOnly(ref *string, action string) Target {
	return Target{Action: action, kind: keyOnly, ref: value(ref)}
}

// AliasOf is the key that an alias names.
func AliasOf(name *string, action string) Target {
	return Target{Action: action, kind: aliasOnly, ref: value(name)}
}

// CiphertextKey is the key that a ciphertext names. When ref is set it must name the same key.
func CiphertextKey(ref *string, ciphertext []byte, action string) Target {
	return Target{Action: action, kind: byCiphertext, ref: value(ref), ciphertext: ciphertext, across: true}
}

// ListFilter is a key, named by id or key ARN, that narrows a list of the account. It must exist, and that is all.
func ListFilter(ref *string, action string) Target {
	return Target{Action: action, kind: listFilter, ref: value(ref)}
}

// GrantToRetire is the key of a grant that is named by a token, or by a key ARN and the grant's id. Who may retire it is
// the grant's own matter (AWS KMS API reference, RetireGrant).
func GrantToRetire(token, key, grant *string) Target {
	return Target{Action: "kms:RetireGrant", kind: byGrant, ref: value(key), token: value(token), grant: GrantID(value(grant)), across: true}
}

// BrokenGlass is a key of the caller's account, named by id or key ARN, whose policy is not asked: the root of the account
// may, when it is the owner of the data directory or of the admin socket, and nobody else.
func BrokenGlass(ref *string, action string) Target {
	return Target{Action: action, kind: brokenGlass, ref: value(ref)}
}

// AliasTarget is the key that an alias shall name, by id or key ARN.
func AliasTarget(ref *string, action string) Target {
	return Target{Action: action, kind: aliasTarget, ref: value(ref)}
}

func value(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// resolved is a target with what it turned out to be.
type resolved struct {
	Target
	key       *Key
	alias     *Alias // set when the key was found through an alias
	principal *Principal
	accessKey *accessKey
	grant     *heldGrant // to be retired
	hidden    bool       // of another account: what is denied must look as if it did not exist
	absent    error      // the answer for a target that is not there, given when it would be denied
	sought    KeyID      // of an absent target: under which id a key was looked for
	unborn    bool       // a service key that is made if the request is let through
	blob      blob
	blobErr   error
	verdict   policy.Verdict
}

// asksKey tells whether the key's policy has a say.
func (t *resolved) asksKey() bool {
	return t.key != nil && t.kind != listFilter && t.kind != brokenGlass
}

// resource is what policies know the target as.
func (t *resolved) resource(c *Call) string {
	switch {
	case t.asksKey(), t.key != nil && t.kind == brokenGlass:
		return t.key.ARN()
	case t.principal != nil:
		return t.principal.ARN()
	case t.kind == byARN:
		return t.arnOf(c.service.realm, c.caller.Account)
	}
	return "*"
}

// load resolves the targets to snapshots. What can be refused without a look-up is refused first, for all of them.
func (c *Call) load(ctx context.Context, targets []Target) error {
	for _, t := range targets {
		switch {
		case !isAliasRef(t.ref):
		case slices.Contains([]targetKind{keyOnly, listFilter, brokenGlass, byGrant}, t.kind):
			return api.AliasesNotSupported()
		case t.kind == aliasTarget:
			return api.AliasTargetIsAlias()
		}
	}
	c.targets = c.targets[:0]
	for _, t := range targets {
		r, err := c.resolve(ctx, t)
		if err != nil {
			return err
		}
		if r.key != nil && !r.unborn {
			c.rely(r.key, Expectation{Key: r.key.ID(), Rev: r.key.record.Key.Rev})
		}
		if r.grant != nil {
			c.Note("grantId", string(r.grant.row.ID))
		}
		if r.alias != nil && !r.unborn {
			c.rely(r.alias, Expectation{Account: r.alias.row.Account, Alias: r.alias.row.Name, Rev: r.alias.row.Rev})
		}
		if r.principal != nil {
			c.rely(r.principal, Expectation{Principal: r.principal.row.ID, Rev: r.principal.row.Rev})
		}
		if r.accessKey != nil {
			c.rely(r.accessKey, Expectation{AccessKey: r.accessKey.row.ID, Rev: r.accessKey.row.Rev})
		}
		c.targets = append(c.targets, r)
	}
	return nil
}

func (c *Call) resolve(ctx context.Context, t Target) (r resolved, err error) {
	r.Target = t
	switch t.kind {
	case noKey, ofHome:
		return r, nil
	case byARN:
		return r, c.resolveGrantee(ctx, &r)
	case aPrincipal:
		return c.resolvePrincipal(ctx, r)
	case roleToAssume:
		return c.resolveRole(ctx, r)
	case byGrant:
		return c.resolveGrant(ctx, r)
	case byAccessKey:
		return c.ownerOf(ctx, r)
	}
	if t.kind == byCiphertext && t.ciphertext != nil {
		r.blob, r.blobErr = parseBlob(t.ciphertext)
		if t.ref == "" {
			return c.resolveBlob(ctx, r)
		}
	}
	ref := keyRef{Account: c.caller.Account, Alias: t.ref}
	if t.kind != aliasOnly {
		if ref, err = c.service.realm.parseKeyRef(t.ref, c.caller.Account); err != nil {
			return r, err
		}
	}
	if ref.Account != c.caller.Account {
		r.hidden = true
		return c.resolveAbroad(ctx, r, ref)
	}
	if ref.Alias != "" {
		if r.alias, err = c.findAlias(ctx, ref); err != nil {
			return c.expectServiceKey(r, ref, err)
		}
		ref.ID = r.alias.row.KeyID
	}
	r.key, err = c.findKey(ctx, ref)
	return r, err
}

// resolveGrantee finds the ARN of whom RetirableBy names. Of somebody of another account the caller learns none.
func (c *Call) resolveGrantee(ctx context.Context, r *resolved) error {
	if r.arnOf != nil {
		return nil
	}
	arn, foreign, err := c.granteeARN(ctx, r.ref)
	if foreign {
		arn = r.ref
	}
	r.arnOf = func(Realm, AccountID) string { return arn }
	return err
}

// resolvePrincipal finds a user or role. One of another account is not there.
func (c *Call) resolvePrincipal(ctx context.Context, r resolved) (resolved, error) {
	id, err := c.principalID(ctx, r.Target)
	if err == nil {
		r.principal, err = c.service.principal(ctx, id)
	}
	if err == nil && r.principal.row.Account != c.caller.Account {
		err = ErrNotFound
	}
	if errors.Is(err, ErrNotFound) {
		return r, api.NotFoundPrincipal(r.ref)
	}
	return r, closedBy(err, r.ref)
}

// principalID is the unique id of whom a reference names: an ARN, a unique id, "user/<name>" or "role/<name>".
func (c *Call) principalID(ctx context.Context, t Target) (PrincipalID, error) {
	kind, name, named := strings.Cut(t.ref, "/")
	if strings.HasPrefix(t.ref, "arn:") || !named {
		id, err := c.service.resolvePrincipal(ctx, t.ref)
		if strings.Contains(id, ":") { // a session is no principal of its own
			return "", ErrNotFound
		}
		return PrincipalID(id), err
	}
	return c.principalByName(ctx, PrincipalKind(kind), name)
}

// principalByName finds a user or role of the caller's account by its name. The store's word for it is not enough: the
// snapshot, which is authentic, must have the name too.
func (c *Call) principalByName(ctx context.Context, kind PrincipalKind, name string) (PrincipalID, error) {
	row, err := c.service.store.PrincipalNamed(ctx, c.caller.Account, kind, name)
	if err != nil {
		return "", err
	}
	p, err := c.service.principal(ctx, row.ID)
	if err != nil {
		return "", err
	}
	if p.row.Account != c.caller.Account || p.row.Kind != kind || !strings.EqualFold(p.row.Name, name) {
		return "", ErrNotFound
	}
	return row.ID, nil
}

func (c *Call) findAlias(ctx context.Context, ref keyRef) (*Alias, error) {
	a, err := c.service.alias(ctx, ref.Account, ref.Alias)
	arn := c.service.realm.AliasARN(ref.Account, ref.Alias)
	if errors.Is(err, ErrNotFound) {
		return nil, api.AliasNotFound(arn)
	}
	return a, closedBy(err, arn)
}

func (c *Call) findKey(ctx context.Context, ref keyRef) (*Key, error) {
	key, err := c.service.key(ctx, ref.ID)
	arn := c.service.realm.KeyARN(ref.Account, ref.ID)
	if errors.Is(err, ErrNotFound) || err == nil && key.Row().Account != ref.Account {
		return nil, api.NotFoundKey(arn)
	}
	return key, closedBy(err, arn)
}

// closedBy turns tampering into the answer for a key or alias that is closed; other errors stay.
func closedBy(err error, arn string) error {
	if t, ok := isTampered(err); ok {
		return &closedError{arn: arn, cause: t}
	}
	return err
}

// checkCiphertexts refuses blobs that are malformed or belong to another key than the caller says. It comes after
// authorization, so that who may not use a key learns nothing about its ciphertexts.
func (c *Call) checkCiphertexts() error {
	for _, t := range c.targets {
		switch {
		case t.kind != byCiphertext || t.ciphertext == nil:
		case t.blobErr != nil:
			return api.InvalidCiphertext()
		case t.blob.Key != t.key.ID():
			return api.IncorrectKey()
		}
	}
	return nil
}
