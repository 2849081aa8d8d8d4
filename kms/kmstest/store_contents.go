package kmstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/keyhold/keyhold/kms"
)

// contents is everything that a store shows.
type contents struct {
	Meta        []kms.MetaRow
	Records     []kms.KeyRecord
	Aliases     []kms.AliasRow
	Generations []kms.GenerationRow
	Accounts    []kms.AccountRow
	Principals  []kms.PrincipalRecord
	AccessKeys  []kms.AccessKeyRow // by principal
	SessionKeys []kms.SessionKeyRow
	Grants      []kms.GrantRow // by key
	Births      []kms.BirthRow
	Outbox      []kms.EventRow
}

func (s shelf) contents() contents {
	s.t.Helper()
	c, err := s.read()
	s.must("read everything", err)
	return c
}

func (s shelf) read() (c contents, err error) {
	ctx := s.ctx()
	switch meta, err := s.Meta(ctx); {
	case err == nil:
		c.Meta = []kms.MetaRow{meta}
	case !errors.Is(err, kms.ErrNotFound):
		return c, err
	}
	for _, account := range []kms.AccountID{storeAccount, storeOtherAccount} {
		if err := s.readKeys(&c, account); err != nil {
			return c, err
		}
		if err := s.readPrincipals(&c, account); err != nil {
			return c, err
		}
	}
	if c.Generations, err = s.Generations(ctx); err != nil {
		return c, err
	}
	if c.Accounts, err = s.Accounts(ctx, "", storeAll); err != nil {
		return c, err
	}
	if c.SessionKeys, err = s.SessionKeys(ctx); err != nil {
		return c, err
	}
	if c.Births, err = s.Births(ctx); err != nil {
		return c, err
	}
	c.Outbox, err = s.Outbox(ctx, storeAll)
	return c, err
}

func (s shelf) readKeys(c *contents, account kms.AccountID) error {
	keys, err := s.Keys(s.ctx(), account, "", storeAll)
	if err != nil {
		return err
	}
	for _, key := range keys {
		record, err := s.Key(s.ctx(), key.ID)
		if err := readAsListed(key, record.Key, err); err != nil {
			return err
		}
		grants, err := s.Grants(s.ctx(), key.ID, "", "", storeAll)
		if err != nil {
			return err
		}
		c.Records, c.Grants = append(c.Records, record), append(c.Grants, grants...)
	}
	aliases, err := s.Aliases(s.ctx(), account, "", "", storeAll)
	c.Aliases = append(c.Aliases, aliases...)
	return err
}

func (s shelf) readPrincipals(c *contents, account kms.AccountID) error {
	principals, err := s.Principals(s.ctx(), account, "", storeAll)
	if err != nil {
		return err
	}
	for _, p := range principals {
		record, err := s.Principal(s.ctx(), p.ID)
		if err := readAsListed(p, record.Principal, err); err != nil {
			return err
		}
		keys, err := s.AccessKeys(s.ctx(), p.ID)
		if err != nil {
			return err
		}
		c.Principals, c.AccessKeys = append(c.Principals, record), append(c.AccessKeys, keys...)
	}
	return nil
}

// readAsListed compares a row in a list with the same row read alone.
func readAsListed(listed, read any, err error) error {
	if err == nil && !reflect.DeepEqual(canonical(read), canonical(listed)) {
		err = fmt.Errorf("listed as %+v, read as %+v", listed, read)
	}
	return err
}

// reads are the errors of every method that reads.
func (s shelf) reads(ctx context.Context) map[string]error {
	errs := make(map[string]error)
	_, errs["Meta"] = s.Meta(ctx)
	_, errs["Key"] = s.Key(ctx, storeKeyID(1))
	_, errs["Keys"] = s.Keys(ctx, storeAccount, "", 1)
	_, errs["Alias"] = s.Alias(ctx, storeAccount, storeAlias(1))
	_, errs["Aliases"] = s.Aliases(ctx, storeAccount, "", "", 1)
	_, errs["Generations"] = s.Generations(ctx)
	_, errs["Account"] = s.Account(ctx, storeAccountID(1))
	_, errs["Accounts"] = s.Accounts(ctx, "", 1)
	_, errs["Principal"] = s.Principal(ctx, storePrincipalID(1))
	_, errs["PrincipalNamed"] = s.PrincipalNamed(ctx, storeAccount, kms.User, storePrincipalName(1))
	_, errs["Principals"] = s.Principals(ctx, storeAccount, "", 1)
	_, errs["AccessKey"] = s.AccessKey(ctx, storeAccessKeyID(1, 1))
	_, errs["AccessKeys"] = s.AccessKeys(ctx, storePrincipalID(1))
	_, errs["SessionKeys"] = s.SessionKeys(ctx)
	_, errs["Grant"] = s.Grant(ctx, storeKeyID(1), storeGrantID(1))
	_, errs["GrantsTo"] = s.GrantsTo(ctx, storeKeyID(1), "g")
	_, errs["GrantsNamed"] = s.GrantsNamed(ctx, storeKeyID(1), "n")
	_, errs["Grants"] = s.Grants(ctx, storeKeyID(1), "", "", 1)
	_, errs["RetirableGrants"] = s.RetirableGrants(ctx, "r", "", "", 1)
	_, errs["Births"] = s.Births(ctx)
	_, errs["Outbox"] = s.Outbox(ctx, 1)
	return errs
}
