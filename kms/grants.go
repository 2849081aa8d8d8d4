package kms

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/policy"
)

// GrantShape is what a grant lets its grantee do, for the rule that who may make grants by a grant can pass on no more
// than it has (AWS KMS API reference, CreateGrant).
type GrantShape struct {
	Operations []string // as in the API: "Encrypt"
	Constraint GrantConstraint
	Context    map[string]string
}

// Covers tells whether a grant of shape g may beget one of shape child: no other operations, and a constraint that is
// equal or stricter.
func (g GrantShape) Covers(child GrantShape) bool {
	for _, op := range child.Operations {
		if !slices.Contains(g.Operations, op) {
			return false
		}
	}
	switch g.Constraint {
	case EncryptionContextEquals:
		return child.Constraint == EncryptionContextEquals && maps.Equal(g.Context, child.Context)
	case EncryptionContextSubset:
		return child.Constraint != Unconstrained && contains(child.Context, g.Context)
	default:
		return g.Constraint == Unconstrained
	}
}

// contains tells whether m has every pair of part.
func contains(m, part map[string]string) bool {
	for k, v := range part {
		if got, ok := m[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// Shape is what the grant lets its grantee do.
func (r *GrantRow) Shape() (GrantShape, error) {
	shape := GrantShape{Operations: strings.Split(r.Operations, ","), Constraint: r.Constraint}
	if r.Constraint == Unconstrained {
		return shape, nil
	}
	if err := json.Unmarshal([]byte(r.Context), &shape.Context); err != nil {
		return shape, &TamperError{Row: r.what(), Reason: "its constraint does not parse: " + err.Error()}
	}
	return shape, nil
}

// granteeID is a key and one of the names under which a caller may be a grantee, as in GrantRow.Grantee.
type granteeID struct {
	key     KeyID
	grantee string
}

// heldGrant is one grant, ready for decisions.
type heldGrant struct {
	row   GrantRow
	shape GrantShape
}

// grantList is the snapshot of the grants of a key to one grantee.
type grantList struct {
	freshness
	list []heldGrant
}

// grantsTo are the grants of a key to a grantee. A grant that was changed outside Keyhold counts for nothing.
func (s *Service) grantsTo(ctx context.Context, id granteeID) (*grantList, error) {
	return s.snapshots.grants.get(ctx, id, func() (*grantList, error) {
		rows, err := s.store.GrantsTo(ctx, id.key, id.grantee)
		if err != nil {
			return nil, err
		}
		grants := &grantList{}
		for _, row := range rows {
			shape, err := s.provenGrant(ctx, row)
			if _, tampered := isTampered(err); tampered {
				s.log.ErrorContext(ctx, "a grant is not counted", "error", err)
				continue
			}
			if err != nil {
				return nil, err
			}
			if row.KeyID == id.key && row.Grantee == id.grantee {
				grants.list = append(grants.list, heldGrant{row, shape})
			}
		}
		return grants, nil
	})
}

func (s *Service) authenticGrant(ctx context.Context, row GrantRow) (GrantShape, error) {
	if err := s.signer.verify(ctx, &row); err != nil {
		return GrantShape{}, err
	}
	return row.Shape()
}

// granteeNames are the names under which the caller may be a grantee: its account, its user or role, its session.
func (c *Call) granteeNames() []string {
	names := []string{string(c.caller.Account)}
	if c.who != nil {
		names = append(names, string(c.who.row.ID))
	}
	if c.caller.Session != nil {
		names = append(names, c.caller.PrincipalID)
	}
	return names
}

// grantsFor are the grants that may allow the target's action to the caller. A grant that lets the caller make grants
// counts only if it covers the one that the caller wants to make.
func (c *Call) grantsFor(ctx context.Context, t *resolved) ([]policy.Grant, error) {
	operation := strings.TrimPrefix(t.Action, "kms:")
	var candidates []policy.Grant
	for _, name := range c.granteeNames() {
		held, err := c.service.grantsTo(ctx, granteeID{t.key.ID(), name})
		if err != nil {
			return nil, fmt.Errorf("look for grants: %w", err)
		}
		c.rely(held, Expectation{})
		for i := range held.list {
			g := &held.list[i]
			if !slices.Contains(g.shape.Operations, operation) || t.child != nil && !g.shape.Covers(*t.child) {
				continue
			}
			candidates = append(candidates, policyGrant(g, name == string(c.caller.Account)))
		}
	}
	return candidates, nil
}

func policyGrant(g *heldGrant, forAccount bool) policy.Grant {
	p := policy.Grant{ID: string(g.row.ID), Operations: g.shape.Operations, ForAccount: forAccount}
	switch g.shape.Constraint {
	case EncryptionContextEquals:
		p.Equals = g.shape.Context
	case EncryptionContextSubset:
		p.Subset = g.shape.Context
	}
	return p
}
