package kms

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
)

// NewPrincipalID draws the unique id of a new user or role.
func (c *Call) NewPrincipalID(kind PrincipalKind) (PrincipalID, error) {
	return NewPrincipalID(c.service.config.Rand, kind)
}

// NewAccountID draws the id of a new account: 12 digits, the first not 0.
func (c *Call) NewAccountID() (AccountID, error) { return newAccountID(c.service.config.Rand) }

func newAccountID(r io.Reader) (AccountID, error) {
	var digits strings.Builder
	for digits.Len() < 12 {
		var octet [1]byte
		if _, err := io.ReadFull(r, octet[:]); err != nil {
			return "", fmt.Errorf("draw an account id: %w", err)
		}
		digit := octet[0] % 10
		if octet[0] < 250 && (digit > 0 || digits.Len() > 0) { // 250 octets give each digit 25 times
			digits.WriteByte('0' + digit)
		}
	}
	return AccountID(digits.String()), nil
}

// OwnAccount is the account that the directory was initialised for. It has no row.
func (c *Call) OwnAccount() AccountRow { return c.service.ownAccount() }

func (s *Service) ownAccount() AccountRow {
	return AccountRow{ID: s.meta.Account, State: Active, CreatedAt: s.meta.CreatedAt}
}

// Account is the row of an account; its Rev is 0 for the directory's own. NotFoundException when there is none.
func (c *Call) Account(ctx context.Context, id AccountID) (AccountRow, error) {
	a, err := c.service.account(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return AccountRow{}, api.NotFoundAccount(string(id))
	}
	if err != nil {
		return AccountRow{}, closedBy(err, c.service.realm.RootARN(id))
	}
	return a.row, nil
}

// RenderTrust is the trust policy of a role as it is shown: whom it names and who is no more stands there as the unique
// id, so that nobody takes it for who has the name now. It is empty for a user.
func (c *Call) RenderTrust(ctx context.Context, p *Principal) (string, error) {
	if p.row.Kind != Role {
		return "", nil
	}
	return c.service.render(ctx, p.trust, p.row.TrustBound)
}
