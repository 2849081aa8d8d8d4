package kms

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/keyhold/keyhold/kms/policy"
)

// The prefixes of unique ids (IAM User Guide, "IAM identifiers", "Understanding unique ID prefixes").
const (
	userPrefix    = "AIDA"
	rolePrefix    = "AROA"
	keyPrefix     = "AKIA"
	sessionPrefix = "ASIA"
)

// IDPrefix is what the unique ids of the kind begin with.
func (k PrincipalKind) IDPrefix() PrincipalID {
	if k == Role {
		return rolePrefix
	}
	return userPrefix
}

// NewPrincipalID draws the unique id of a new user or role: 85 random bits.
func NewPrincipalID(r io.Reader, kind PrincipalKind) (PrincipalID, error) {
	id, err := uniqueID(r, string(kind.IDPrefix()), 17)
	return PrincipalID(id), err
}

// uniqueID is prefix and n characters of A-Z and 2-7.
func uniqueID(r io.Reader, prefix string, n int) (string, error) {
	random := make([]byte, 15)
	if _, err := io.ReadFull(r, random); err != nil {
		return "", fmt.Errorf("draw a unique id: %w", err)
	}
	return prefix + base32.StdEncoding.EncodeToString(random)[:n], nil
}

// Principal is a snapshot of a user or role: its rows, checked, and its policies, compiled.
type Principal struct {
	freshness
	row      PrincipalRow
	policies []policy.Named
	record   PrincipalRecord
	trust    *policy.Policy // of a role
	tags     map[string]string
	arn      string
}

// Row is a copy of the principal's row.
func (p *Principal) Row() PrincipalRow { return p.row }

// Next is a copy of the principal's row at the next revision, for a change to edit.
func (p *Principal) Next() PrincipalRow {
	row := p.row
	row.Rev++
	row.MAC = nil
	return row
}

// ARN is arn:<partition>:iam::<account>:user/<path><name>, or role/.
func (p *Principal) ARN() string { return p.arn }

// Policies are the identity policies in the order of their names. The slice must not be changed.
func (p *Principal) Policies() []PrincipalPolicyRow { return p.record.Policies }

// Tags are the principal's tags. The map must not be changed.
func (p *Principal) Tags() map[string]string { return p.tags }

// SessionARN is the ARN of a session of the role.
func (p *Principal) SessionARN(realm Realm, session string) string {
	return "arn:" + realm.partition() + ":sts::" + string(p.row.Account) + ":assumed-role/" + p.row.Name + "/" + session
}

// PrincipalARN is the ARN of a user or role.
func (r Realm) PrincipalARN(account AccountID, kind PrincipalKind, path, name string) string {
	return "arn:" + r.partition() + ":iam::" + string(account) + ":" + string(kind) + path + name
}

// principalRef is a parsed ARN of a principal.
type principalRef struct {
	account AccountID
	root    bool
	kind    PrincipalKind
	path    string // of a user or role; not part of a session's ARN
	name    string
	session string // of a session
}

var errPrincipalARN = errors.New("it is not the ARN of a user, role, session or root")

// parsePrincipalARN reads the ARN of a root, user, role or session of a role.
func (r Realm) parsePrincipalARN(s string) (principalRef, error) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] != r.partition() || parts[3] != "" || !isAccount(parts[4]) {
		return principalRef{}, errPrincipalARN
	}
	ref := principalRef{account: AccountID(parts[4])}
	kind, rest, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[2] == "iam" && parts[5] == "root":
		ref.root = true
		return ref, nil
	case parts[2] == "iam" && (kind == string(User) || kind == string(Role)):
		i := strings.LastIndexByte("/"+rest, '/')
		ref.kind, ref.path, ref.name = PrincipalKind(kind), ("/" + rest)[:i+1], rest[i:]
	case parts[2] == "sts" && kind == "assumed-role":
		ref.kind = Role
		ref.name, ref.session, _ = strings.Cut(rest, "/")
		if !isSessionName(ref.session) {
			return principalRef{}, errPrincipalARN
		}
	default:
		return principalRef{}, errPrincipalARN
	}
	if ref.name == "" {
		return principalRef{}, errPrincipalARN
	}
	return ref, nil
}

// isSessionName is the bound of STS AssumeRole on RoleSessionName: 2 to 64 of [\w+=,.@-].
func isSessionName(s string) bool {
	return len(s) >= 2 && len(s) <= 64 && strings.Trim(s, nameCharacters) == ""
}

// nameCharacters are those of the names of users, roles and sessions (IAM User Guide, "IAM and AWS STS quotas").
const nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+=,.@-"

// isNamed tells whether the principal has the name of a reference. Names are unique ignoring case, and ARNs are not.
func (p *Principal) isNamed(ref principalRef) bool {
	return p.row.Account == ref.account && p.row.Kind == ref.kind && p.row.Name == ref.name &&
		(ref.session != "" || p.row.Path == ref.path)
}

// principal is the newest snapshot of a user or role: ErrNotFound, a *TamperError, or the store's or device's error.
func (s *Service) principal(ctx context.Context, id PrincipalID) (*Principal, error) {
	return s.snapshots.principals.get(ctx, id, func() (*Principal, error) { return s.loadPrincipal(ctx, id) })
}

func (s *Service) loadPrincipal(ctx context.Context, id PrincipalID) (*Principal, error) {
	record, err := s.store.Principal(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.checkPrincipal(ctx, id, record); err != nil {
		return nil, err
	}
	p := &Principal{row: record.Principal, record: record}
	p.arn = s.realm.PrincipalARN(p.row.Account, p.row.Kind, p.row.Path, p.row.Name)
	tampered := func(what string, err error) error { return &TamperError{Row: what, Reason: err.Error()} }
	for i, r := range record.Policies {
		compiled, err := compile(policy.IdentityPolicy, r.Document, "")
		if err != nil {
			return nil, tampered(record.Policies[i].what(), err)
		}
		p.policies = append(p.policies, policy.Named{Name: r.Name, Policy: compiled})
	}
	if p.row.Kind == Role {
		if p.trust, err = compile(policy.TrustPolicy, p.row.TrustPolicy, p.row.TrustBound); err != nil {
			return nil, tampered(p.row.what(), err)
		}
	}
	if p.row.Tags != "" {
		if err := json.Unmarshal([]byte(p.row.Tags), &p.tags); err != nil {
			return nil, tampered(p.row.what(), err)
		}
	}
	return p, nil
}

// checkPrincipal verifies every row of a principal, and that its policies are those that it was given last.
func (s *Service) checkPrincipal(ctx context.Context, id PrincipalID, r PrincipalRecord) error {
	if r.Principal.ID != id {
		return &TamperError{Row: r.Principal.what(), Reason: fmt.Sprintf("the store answered it for principal %s", id)}
	}
	rows := []authenticRow{&r.Principal}
	for i := range r.Policies {
		rows = append(rows, &r.Policies[i])
	}
	if err := s.signer.verify(ctx, rows...); err != nil {
		return err
	}
	for i := range r.Policies {
		if r.Policies[i].Principal != id {
			return &TamperError{Row: r.Policies[i].what(), Reason: fmt.Sprintf("the store answered it for principal %s", id)}
		}
	}
	if DigestPolicies(r.Policies) != r.Principal.PoliciesDigest {
		return &TamperError{Row: r.Principal.what(), Reason: "its identity policies are not those that it was given last: " +
			"one was removed, or an older one put back, outside Keyhold"}
	}
	return nil
}

// accountState is a snapshot of an account, or of one that was deleted.
type accountState struct {
	freshness
	row AccountRow
}

// expectation is what a change that rests on the account must still find. The directory's own account has no row.
func (a *accountState) expectation() Expectation {
	return Expectation{Account: a.row.ID, Rev: a.row.Rev}
}

// errDeleted is ErrNotFound of an account that there was.
var errDeleted = fmt.Errorf("%w any more", ErrNotFound)

// account is the newest snapshot of an account: ErrNotFound when there is none, or none any more, a *TamperError, or the
// store's or device's error. The directory's own account has no row.
func (s *Service) account(ctx context.Context, id AccountID) (*accountState, error) {
	a, err := s.accountEver(ctx, id)
	if err == nil && a.row.State == Deleted {
		return nil, errDeleted
	}
	return a, err
}

// accountEver has accounts that were deleted too.
func (s *Service) accountEver(ctx context.Context, id AccountID) (*accountState, error) {
	return s.snapshots.accounts.get(ctx, id, func() (*accountState, error) {
		if id == s.meta.Account {
			return &accountState{row: s.ownAccount()}, nil
		}
		row, err := s.store.Account(ctx, id)
		if err != nil {
			return nil, err
		}
		if row.ID != id {
			return nil, fmt.Errorf("the store answered account %q for %q", row.ID, id)
		}
		return &accountState{row: row}, s.signer.verify(ctx, &row)
	})
}
