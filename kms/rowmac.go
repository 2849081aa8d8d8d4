package kms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
)

// A row's authenticated octets are the label, the table's name, then every column but the MAC as a field in the order
// of the struct: an injective encoding, so that no octet of a row, and no row of another table or key, can take its
// place. Changing a table's columns needs a new label.
const rowLabel = "keyhold row v1"

func tableOctets(table string) []byte { return appendString([]byte(rowLabel), table) }

// digest is what the token authenticates: a row may be longer than some tokens take in one call.
func digest(r authenticRow) []byte {
	sum := sha256.Sum256(r.octets())
	return append([]byte(rowLabel+" digest\x00"), sum[:]...)
}

// AuthenticRow is a pointer to a row with a MAC.
type AuthenticRow = authenticRow

// authenticRow is a row with a MAC.
type authenticRow interface {
	octets() []byte
	mac() *[]byte
	// what names the row in an explanation: the table and the primary key.
	what() string
}

func (r *KeyRow) octets() []byte {
	b := tableOctets("keys")
	for _, s := range []string{string(r.ID), string(r.Account), string(r.State), string(r.Spec), string(r.Usage),
		string(r.Origin), string(r.Manager), r.Description} {
		b = appendString(b, s)
	}
	for _, n := range []int64{r.Rev, int64(r.Current), int64(r.CreatedAt), int64(r.DeletionAt), int64(r.WindowDays),
		int64(r.RotationPeriodDays), int64(r.RotationBase), int64(r.OnDemandRotations), int64(r.TagCount), r.PolicyRev} {
		b = appendInt(b, n)
	}
	return b
}

func (r *GenerationRow) octets() []byte {
	b := tableOctets("generations")
	for _, s := range []string{string(r.KeyID), string(r.State), string(r.Object[:]), r.Token, r.MaterialID,
		string(r.RotationType), string(r.Canary.IV), string(r.Canary.Ciphertext)} {
		b = appendString(b, s)
	}
	for _, n := range []int64{int64(r.Number), r.Rev, int64(r.Cipher.Mechanism), int64(r.Cipher.IV), int64(r.CreatedAt)} {
		b = appendInt(b, n)
	}
	return b
}

func (r *UsesRow) octets() []byte {
	b := appendString(tableOctets("uses"), string(r.KeyID))
	for _, n := range []int64{int64(r.Number), r.Rev, int64(r.Reserved)} {
		b = appendInt(b, n)
	}
	return b
}

func (r *PolicyRow) octets() []byte {
	b := appendString(tableOctets("policies"), string(r.KeyID))
	return appendString(appendString(appendInt(b, r.Rev), r.Document), string(r.Bound))
}

func (r *TagRow) octets() []byte {
	b := appendString(tableOctets("tags"), string(r.KeyID))
	b = appendString(appendString(b, r.Key), r.Value)
	return appendInt(appendInt(b, r.Rev), r.Position)
}

func (r *AliasRow) octets() []byte {
	b := appendString(tableOctets("aliases"), string(r.Account))
	b = appendString(appendString(b, r.Name), string(r.KeyID))
	return appendInt(appendInt(appendInt(b, r.Rev), int64(r.CreatedAt)), int64(r.UpdatedAt))
}

func (r *BirthRow) octets() []byte {
	b := appendField(tableOctets("births"), r.Object[:])
	b = appendString(appendString(b, string(r.KeyID)), r.Token)
	return appendInt(appendInt(b, int64(r.Number)), int64(r.StartedAt))
}

func (r *MetaRow) octets() []byte {
	b := tableOctets("meta")
	for _, s := range []string{r.Directory, string(r.Account), r.Region, r.Token, string(r.RowKey[:])} {
		b = appendString(b, s)
	}
	for _, flag := range []bool{r.Ready, r.Dev} {
		b = appendInt(b, int64(map[bool]int{true: 1}[flag]))
	}
	return appendInt(b, int64(r.CreatedAt))
}

func (r *EventRow) octets() []byte {
	return appendField(appendString(tableOctets("outbox"), r.ID), r.Record)
}

func (r *KeyRow) mac() *[]byte        { return &r.MAC }
func (r *GenerationRow) mac() *[]byte { return &r.MAC }
func (r *UsesRow) mac() *[]byte       { return &r.MAC }
func (r *PolicyRow) mac() *[]byte     { return &r.MAC }
func (r *TagRow) mac() *[]byte        { return &r.MAC }
func (r *AliasRow) mac() *[]byte      { return &r.MAC }
func (r *BirthRow) mac() *[]byte      { return &r.MAC }
func (r *MetaRow) mac() *[]byte       { return &r.MAC }
func (r *EventRow) mac() *[]byte      { return &r.MAC }

func (r *KeyRow) what() string { return fmt.Sprintf("table keys, id %q", r.ID) }
func (r *GenerationRow) what() string {
	return fmt.Sprintf("table generations, key %q, number %d", r.KeyID, r.Number)
}
func (r *UsesRow) what() string {
	return fmt.Sprintf("table uses, key %q, number %d", r.KeyID, r.Number)
}
func (r *PolicyRow) what() string { return fmt.Sprintf("table policies, key %q", r.KeyID) }
func (r *TagRow) what() string    { return fmt.Sprintf("table tags, key %q, tag %q", r.KeyID, r.Key) }
func (r *AliasRow) what() string  { return fmt.Sprintf("table aliases, name %q", r.Name) }
func (r *BirthRow) what() string  { return fmt.Sprintf("table births, object %s", r.Object) }
func (r *MetaRow) what() string   { return "table meta" }
func (r *EventRow) what() string  { return fmt.Sprintf("table outbox, event %q", r.ID) }

// TamperError tells that a stored row is not as Keyhold wrote it. What it belongs to is closed until the row is
// restored.
type TamperError struct {
	Row    string // table and primary key
	Reason string
}

// Error names the row and what is wrong with it.
func (e *TamperError) Error() string { return e.Row + ": " + e.Reason }

// rowSigner authenticates rows with the directory's HMAC key.
type rowSigner struct {
	device Device
	key    device.ObjectID
}

func (s rowSigner) sign(ctx context.Context, rows ...authenticRow) error {
	for _, r := range rows {
		mac, err := s.device.MAC(ctx, s.key, digest(r))
		if err != nil {
			return fmt.Errorf("authenticate %s: %w", r.what(), err)
		}
		*r.mac() = mac
	}
	return nil
}

// verify answers a *TamperError for the first row that is not authentic, or the device's error.
func (s rowSigner) verify(ctx context.Context, rows ...authenticRow) error {
	for _, r := range rows {
		mac, err := s.device.MAC(ctx, s.key, digest(r))
		if err != nil {
			return fmt.Errorf("check %s: %w", r.what(), err)
		}
		if !hmac.Equal(mac, *r.mac()) {
			return &TamperError{Row: r.what(), Reason: "the row does not match its authentication code: it was changed outside Keyhold"}
		}
	}
	return nil
}

// signChange returns the change with every row authenticated. The caller's slices are not touched.
func (s rowSigner) signChange(ctx context.Context, c Change) (Change, error) {
	var err error
	c.Keys, err = signed[KeyRow](ctx, s, c.Keys, err)
	c.Generations, err = signed[GenerationRow](ctx, s, c.Generations, err)
	c.Uses, err = signed[UsesRow](ctx, s, c.Uses, err)
	c.Policies, err = signed[PolicyRow](ctx, s, c.Policies, err)
	c.Tags, err = signed[TagRow](ctx, s, c.Tags, err)
	c.Aliases, err = signed[AliasRow](ctx, s, c.Aliases, err)
	c.Accounts, err = signed[AccountRow](ctx, s, c.Accounts, err)
	c.Principals, err = signed[PrincipalRow](ctx, s, c.Principals, err)
	c.PrincipalPolicies, err = signed[PrincipalPolicyRow](ctx, s, c.PrincipalPolicies, err)
	c.AccessKeys, err = signed[AccessKeyRow](ctx, s, c.AccessKeys, err)
	c.SessionKeys, err = signed[SessionKeyRow](ctx, s, c.SessionKeys, err)
	c.Grants, err = signed[GrantRow](ctx, s, c.Grants, err)
	c.Events, err = signed[EventRow](ctx, s, c.Events, err)
	return c, err
}

func signed[T any, P interface {
	*T
	authenticRow
}](ctx context.Context, s rowSigner, rows []T, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	out := make([]T, len(rows))
	copy(out, rows)
	for i := range out {
		if err := s.sign(ctx, P(&out[i])); err != nil {
			return nil, err
		}
	}
	return out, nil
}
