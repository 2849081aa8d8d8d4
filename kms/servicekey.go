package kms

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/policy"
)

// A service key is the key that an account's data of one service is encrypted under when nobody names another: the
// AWS managed key with the alias alias/aws/<service>. It is made when it is first asked for (AWS KMS API reference,
// DescribeKey: "AWS KMS associates the alias with an AWS managed key and returns its KeyId"). Until then a request
// that names the alias is about a key that is yet to be: it is authorized and admitted as for the key that would be
// made, and only what is let through makes it. So who is refused, and who only asks (DryRun), leaves no trace.

const serviceAliasPrefix = aliasPrefix + "aws/"

// serviceRotationDays is how often AWS managed keys rotate (AWS KMS Developer Guide, "Rotate AWS KMS keys").
const serviceRotationDays = 365

// expectServiceKey answers for an alias of the caller's own account that was not found. Only a request that would use
// the key, or look at it, makes one: no change, no service that was opened to look at things, and no decryption, for a
// key that is not there has encrypted nothing.
func (c *Call) expectServiceKey(r resolved, ref keyRef, notFound error) (resolved, error) {
	var e *api.Error
	service, reserved := strings.CutPrefix(ref.Alias, serviceAliasPrefix)
	if !reserved || r.kind != keyOrAlias || r.overseen || c.effect == Mutate || c.service.config.ReadOnly ||
		!slices.Contains(c.service.config.Services, service) || !errors.As(notFound, &e) || e.Name != api.NotFoundException {
		return r, notFound
	}
	key, err := c.service.serviceKey(ref.Account, service, MicrosOf(c.now))
	r.key, r.alias, r.unborn = key, &Alias{row: AliasRow{Account: ref.Account, Name: ref.Alias}}, true
	return r, err
}

// serviceKey is the snapshot of a service key as it would be, with an id but no key material.
func (s *Service) serviceKey(account AccountID, service string, now Micros) (*Key, error) {
	id, err := NewKeyID(s.config.Rand)
	if err != nil {
		return nil, err
	}
	row := KeyRow{
		ID: id, Account: account, Rev: 1, State: keyspec.StateEnabled, Spec: keyspec.SymmetricDefault,
		Usage: keyspec.EncryptDecrypt, Origin: keyspec.OriginKMS, Manager: keyspec.ManagerAWS,
		Description: "Default key that protects what " + service + " stores when no other key is named",
		Current:     1, CreatedAt: now, RotationPeriodDays: serviceRotationDays, RotationBase: now, PolicyRev: 1,
	}
	document := policy.ServiceDefault(s.realm.partition(), string(account))
	compiled, err := compile(policy.KeyPolicy, document, "")
	return &Key{
		record: KeyRecord{Key: row, Generations: []GenerationRow{{}}, Policy: PolicyRow{KeyID: id, Rev: 1, Document: document}},
		policy: compiled, arn: s.realm.KeyARN(account, id),
	}, err
}

// bearServiceKeys makes the service keys that the request has been let through to, and has it start again with them.
func (c *Call) bearServiceKeys(ctx context.Context) error {
	err := error(nil)
	for i := range c.targets {
		if t := &c.targets[i]; t.unborn {
			if err = c.bearServiceKey(ctx, t); err != nil {
				return err
			}
			err = errStale
		}
	}
	return err
}

// bearServiceKey makes one service key and its alias, if nobody else has meanwhile.
func (c *Call) bearServiceKey(ctx context.Context, t *resolved) error {
	s, alias := c.service, t.alias.row
	arn := s.realm.AliasARN(alias.Account, alias.Name)
	unlock, err := s.locks.lock(ctx, arn)
	if err != nil {
		return api.Throttling()
	}
	defer unlock()
	if _, err := s.alias(ctx, alias.Account, alias.Name); !errors.Is(err, ErrNotFound) {
		return closedBy(err, arn)
	}
	if c.stale() {
		return errStale
	}
	event, err := s.bear(ctx, unasked{key: t.key, alias: alias, now: c.now, expect: c.expectations, guard: c.guard})
	if err != nil {
		return err
	}
	return s.deliver(context.WithoutCancel(ctx), event)
}

// ownName is the alias that a key which is yet to be will have.
func (t *resolved) ownName() *keyNames { return &keyNames{list: []string{t.alias.row.Name}} }
