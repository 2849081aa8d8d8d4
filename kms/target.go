package kms

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/kms/api"
)

// Target is what one request wants of one key: which key, how it is named, and the action the caller needs on it.
// The constructors below are the ways a key can be named.
type Target struct {
	Action     string // "kms:Encrypt"
	kind       targetKind
	ref        string
	ciphertext []byte
	context    map[string]string
}

// With adds the encryption context that the request has for this key, for policies and grants to judge.
func (t Target) With(context map[string]string) Target {
	t.context = context
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
)

// NoKey is an action on the account as a whole, such as kms:ListKeys.
func NoKey(action string) Target { return Target{Action: action, kind: noKey} }

// KeyOrAlias is a key named by id, key ARN, alias name or alias ARN.
func KeyOrAlias(ref *string, action string) Target {
	return Target{Action: action, kind: keyOrAlias, ref: value(ref)}
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
	return Target{Action: action, kind: byCiphertext, ref: value(ref), ciphertext: ciphertext}
}

// ListFilter is a key, named by id or key ARN, that narrows a list of the account. It must exist, and that is all.
func ListFilter(ref *string, action string) Target {
	return Target{Action: action, kind: listFilter, ref: value(ref)}
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
	key     *Key
	alias   *AliasRow // set when the key was found through an alias
	blob    blob
	blobErr error
}

// load resolves the targets to snapshots. What can be refused without a look-up is refused first, for all of them.
func (c *Call) load(ctx context.Context, targets []Target) error {
	for _, t := range targets {
		switch {
		case !isAliasRef(t.ref):
		case t.kind == keyOnly, t.kind == listFilter:
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
		c.targets = append(c.targets, r)
	}
	return nil
}

func (c *Call) resolve(ctx context.Context, t Target) (resolved, error) {
	r := resolved{Target: t}
	var err error
	switch {
	case t.kind == noKey:
		return r, nil
	case t.kind == byCiphertext && t.ciphertext != nil:
		r.blob, r.blobErr = parseBlob(t.ciphertext)
		if t.ref == "" {
			r.key, err = c.keyOfBlob(ctx, r.blob, r.blobErr)
			return r, err
		}
	}
	ref := keyRef{Account: c.caller.Account, Alias: t.ref}
	if t.kind != aliasOnly {
		if ref, err = c.service.realm.parseKeyRef(t.ref, c.caller.Account); err != nil {
			return r, err
		}
	}
	if ref.Account != c.caller.Account {
		return r, c.hidden(t.Action, ref)
	}
	if ref.Alias != "" {
		if r.alias, err = c.findAlias(ctx, ref); err != nil {
			return r, err
		}
		ref.ID = r.alias.KeyID
	}
	r.key, err = c.findKey(ctx, ref)
	return r, err
}

// hidden is the one answer for a key of another account, whether it is unknown or merely not allowed.
func (c *Call) hidden(action string, ref keyRef) error {
	arn := c.service.realm.KeyARN(ref.Account, ref.ID)
	if ref.Alias != "" {
		arn = c.service.realm.AliasARN(ref.Account, ref.Alias)
	}
	return api.AccessDenied(c.caller.ARN, action, arn, api.NoCrossAccountAccess)
}

func (c *Call) findAlias(ctx context.Context, ref keyRef) (*AliasRow, error) {
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

// keyOfBlob finds the key that a blob names. Unknown and foreign keys get AWS's one text.
func (c *Call) keyOfBlob(ctx context.Context, b blob, malformed error) (*Key, error) {
	if malformed != nil {
		return nil, api.InvalidCiphertext()
	}
	key, err := c.service.key(ctx, b.Key)
	if errors.Is(err, ErrNotFound) || err == nil && key.Row().Account != c.caller.Account {
		return nil, api.CiphertextRefersTo()
	}
	return key, closedBy(err, c.service.realm.KeyARN(c.caller.Account, b.Key))
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
