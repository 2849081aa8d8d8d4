package kms

import (
	"context"
	"errors"
	"fmt"
)

// census counts the identities that an inspection looked at.
type census struct{ accounts, principals, accessKeys, sessionKeys int }

// inspectIdentities checks every account, user, role, access key and key of session tokens: that its rows are as Keyhold
// wrote them, and that what is sealed opens.
func (s *Service) inspectIdentities(ctx context.Context, report func(Finding) error) error {
	var n census
	accounts, err := s.accountIDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range accounts {
		if err := s.inspectAccount(ctx, id, &n, report); err != nil {
			return err
		}
		if err := s.inspectPrincipals(ctx, id, &n, report); err != nil {
			return err
		}
	}
	if err := s.inspectAliasesOf(ctx, sealingAccount, report); err != nil {
		return err
	}
	if err := s.inspectSessionKeys(ctx, &n, report); err != nil || n == (census{}) {
		return err
	}
	return report(Finding{Subject: "identities", OK: true, Detail: fmt.Sprintf(
		"%d account(s) beside the directory's own, %d principal(s), %d access key(s), %d session key(s)",
		n.accounts, n.principals, n.accessKeys, n.sessionKeys)})
}

// accountIDs are the directory's own account and all others.
func (s *Service) accountIDs(ctx context.Context) ([]AccountID, error) {
	ids := []AccountID{s.meta.Account}
	for after := AccountID(""); ; {
		rows, err := s.store.Accounts(ctx, after, inspectionPage)
		if err != nil || len(rows) == 0 {
			return ids, err
		}
		for _, row := range rows {
			after = row.ID
			ids = append(ids, row.ID)
		}
	}
}

// inspectAccount looks at an account's row, and does not count one that was deleted. The directory's own has none.
func (s *Service) inspectAccount(ctx context.Context, id AccountID, n *census, report func(Finding) error) error {
	if id == s.meta.Account {
		return nil
	}
	row, err := s.store.Account(ctx, id)
	if err == nil {
		err = s.signer.verify(ctx, &row)
	}
	if err == nil && row.State == Deleted {
		return nil
	}
	n.accounts++
	if err == nil {
		return nil
	}
	return report(closedFinding("account "+string(id), err))
}

func (s *Service) inspectPrincipals(ctx context.Context, account AccountID, n *census, report func(Finding) error) error {
	for after := PrincipalID(""); ; {
		rows, err := s.store.Principals(ctx, account, after, inspectionPage)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, row := range rows {
			after = row.ID
			n.principals++
			if _, err := s.loadPrincipal(ctx, row.ID); err != nil {
				if err := report(closedFinding(fmt.Sprintf("%s %s (%s)", row.Kind, row.Name, row.ID), err)); err != nil {
					return err
				}
			}
			if err := s.inspectAccessKeys(ctx, row.ID, n, report); err != nil {
				return err
			}
		}
	}
}

func (s *Service) inspectAccessKeys(ctx context.Context, principal PrincipalID, n *census, report func(Finding) error) error {
	rows, err := s.store.AccessKeys(ctx, principal)
	if err != nil {
		return err
	}
	for _, row := range rows {
		n.accessKeys++
		err := s.signer.verify(ctx, &row)
		if err == nil {
			opened, openErr := s.openSecret(ctx, row.Sealed, row.place())
			opened.Wipe()
			err = sealedFault(&row, openErr)
		}
		if err != nil {
			if err := report(closedFinding("access key "+string(row.ID), err)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) inspectSessionKeys(ctx context.Context, n *census, report func(Finding) error) error {
	rows, err := s.store.SessionKeys(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		n.sessionKeys++
		if _, err := s.openSessionKey(ctx, row); err != nil {
			if err := report(closedFinding("session key "+row.ID, err)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sealedFault makes a *TamperError of a row whose secret was not sealed for it.
func sealedFault(row authenticRow, err error) error {
	if errors.Is(err, errNotSealedSo) {
		return &TamperError{Row: row.what(), Reason: err.Error()}
	}
	return err
}

// closedFinding is about something that an inspection could not read, or must not trust.
func closedFinding(subject string, err error) Finding {
	f := Finding{Subject: subject, Detail: err.Error(), Fix: "Look at the token and the data directory, then run keyhold doctor again."}
	if _, tampered := isTampered(err); tampered {
		f.Fix = "It is closed. Restore the row from a backup, or the whole data directory; find out who can write to it."
	}
	return f
}
