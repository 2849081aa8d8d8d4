package kms

import (
	"context"
	"fmt"
)

// inspectGrants looks at the grants of every key of every account.
func (s *Service) inspectGrants(ctx context.Context, report func(Finding) error) error {
	generations, err := s.store.Generations(ctx)
	if err != nil {
		return err
	}
	grants, bad, last := 0, 0, KeyID("")
	for _, g := range generations {
		if g.KeyID == last {
			continue
		}
		last = g.KeyID
		n, b, err := s.inspectGrantsOf(ctx, g.KeyID, report)
		if err != nil {
			return err
		}
		grants, bad = grants+n, bad+b
	}
	if grants == 0 || bad > 0 {
		return nil
	}
	return report(Finding{Subject: "grants", OK: true, Detail: fmt.Sprintf("%d, all as Keyhold wrote them", grants)})
}

// inspectGrantsOf counts the grants of a key, and those that count for nothing.
func (s *Service) inspectGrantsOf(ctx context.Context, key KeyID, report func(Finding) error) (grants, bad int, err error) {
	after := GrantID("")
	for {
		rows, err := s.store.Grants(ctx, key, "", after, inspectionPage)
		if err != nil || len(rows) == 0 {
			return grants, bad, err
		}
		for _, row := range rows {
			after = row.ID
			grants++
			_, err := s.authenticGrant(ctx, row)
			if err == nil {
				continue
			}
			bad++
			f := closedFinding(fmt.Sprintf("grant %s of key %s", row.ID, key), err)
			if _, tampered := isTampered(err); tampered {
				f.Fix = "The grant counts for nothing. Restore the row, or delete it from table grants and make the grant again."
			}
			if err := report(f); err != nil {
				return grants, bad, err
			}
		}
	}
}
