package kms

// Rows of identities and grants. See rows.go for what all rows have in common.

// PrincipalID is the immutable unique id of a user ("AIDA" and 17 of A-Z2-7) or role ("AROA" and 17). It is drawn when
// the principal is created, so that one of the same name, created later, is another.
type PrincipalID string

// AccessKeyID names a pair of credentials: "AKIA" and 16 of A-Z2-7, or "ASIA" for those of a session. An imported one
// may be any text that the signature's credential can hold.
type AccessKeyID string

// GrantID is 64 lower-case hexadecimal digits.
type GrantID string

// Bindings say whom the principals named by a policy were when it was written: a JSON object from each name, as the
// policy spells it, to the unique id. Empty: it names none. See bindings.
type Bindings string

// ActiveState tells whether credentials, a principal or an account are in use.
type ActiveState string

// The states.
const (
	Active   ActiveState = "Active"
	Inactive ActiveState = "Inactive"
	// Deleted is of accounts only, and for good.
	Deleted ActiveState = "Deleted"
)

// PrincipalKind is what a principal is.
type PrincipalKind string

// The kinds of principals, as ARNs spell them. The root of an account is no row.
const (
	User PrincipalKind = "user"
	Role PrincipalKind = "role"
)

// AccountRow is an account beside the directory's own, which has no row: it is always active. The row of an account that
// was deleted stays: its number must not be given again while policies and grants may mean it.
type AccountRow struct {
	ID        AccountID
	Rev       int64
	State     ActiveState
	Name      string
	CreatedAt Micros
	DeletedAt Micros // set in Deleted
	MAC       []byte
}

// PrincipalRow is a user or role.
type PrincipalRow struct {
	ID          PrincipalID
	Account     AccountID
	Rev         int64
	Kind        PrincipalKind
	Path        string // "/" or "/a/b/"
	Name        string // unique in account and kind, ignoring case
	State       ActiveState
	Description string
	Tags        string // JSON object of strings; empty when there are none

	// Of roles only.
	TrustPolicy       string   // who may assume it
	TrustBound        Bindings // of TrustPolicy
	MaxSessionSeconds int      // the longest session
	SessionsNotBefore Micros   // sessions issued at this instant or before it are revoked

	PoliciesDigest PoliciesDigest // of its identity policies, so that a removed or an older one is not taken for them
	CreatedAt      Micros
	MAC            []byte
}

// PoliciesDigest stands for all identity policies of a principal: 64 lower-case hexadecimal digits. See DigestPolicies.
type PoliciesDigest string

// PrincipalPolicyRow is one identity policy of a principal, the text as it was given.
type PrincipalPolicyRow struct {
	Principal PrincipalID
	Name      string
	Rev       int64
	Document  string
	MAC       []byte
}

// AccessKeyRow is a pair of credentials of a user. Sealed is the secret, a blob of the sealing key whose encryption
// context names the id, the principal and the account, so that it cannot be moved to another row.
type AccessKeyRow struct {
	ID        AccessKeyID
	Principal PrincipalID
	Account   AccountID
	Rev       int64
	State     ActiveState
	Sealed    []byte
	CreatedAt Micros
	MAC       []byte
}

// SessionKeyRow is a key under which session tokens are sealed, itself sealed by the sealing key.
type SessionKeyRow struct {
	ID        string // UUID
	Rev       int64
	Sealed    []byte
	CreatedAt Micros
	MAC       []byte
}

// GrantRow lets a grantee use a key.
type GrantRow struct {
	KeyID KeyID
	ID    GrantID
	Rev   int64
	Name  string // empty when unnamed
	// Grantee and Retiring are the unique id of a user or role, "<role id>:<session>", or an account; Retiring may be
	// empty. The ARNs are as they were given.
	Grantee     string
	GranteeARN  string
	Retiring    string
	RetiringARN string
	Issuer      AccountID // the account of whoever created it
	Operations  string    // separated by commas, in the order given
	Constraint  GrantConstraint
	Context     string // JSON object, the constraint's pairs; empty without a constraint
	CreatedAt   Micros
	MAC         []byte
}

// GrantConstraint is how a grant restricts the encryption context.
type GrantConstraint string

// The constraints.
const (
	Unconstrained           GrantConstraint = ""
	EncryptionContextEquals GrantConstraint = "EncryptionContextEquals"
	EncryptionContextSubset GrantConstraint = "EncryptionContextSubset"
)

// PrincipalRecord is a principal with everything that a decision about it needs, read in one transaction.
type PrincipalRecord struct {
	Principal PrincipalRow
	Policies  []PrincipalPolicyRow // ascending by Name
}
