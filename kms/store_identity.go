package kms

import "context"

// IdentityStore keeps accounts, principals and credentials. See Store for what holds of every method.
type IdentityStore interface {
	// Account reads an account, or ErrNotFound.
	Account(ctx context.Context, id AccountID) (AccountRow, error)
	// Accounts lists accounts with ids above after, at most limit.
	Accounts(ctx context.Context, after AccountID, limit int) ([]AccountRow, error)
	// Principal reads a principal and its policies in one transaction, or ErrNotFound.
	Principal(ctx context.Context, id PrincipalID) (PrincipalRecord, error)
	// PrincipalNamed reads the principal of a name, in whatever case it is given, or ErrNotFound.
	PrincipalNamed(ctx context.Context, account AccountID, kind PrincipalKind, name string) (PrincipalRow, error)
	// Principals lists an account's principals with ids above after, at most limit.
	Principals(ctx context.Context, account AccountID, after PrincipalID, limit int) ([]PrincipalRow, error)
	// AccessKey reads a pair of credentials, or ErrNotFound.
	AccessKey(ctx context.Context, id AccessKeyID) (AccessKeyRow, error)
	// AccessKeys lists the credentials of a principal.
	AccessKeys(ctx context.Context, principal PrincipalID) ([]AccessKeyRow, error)
	// SessionKeys lists the keys of session tokens, newest first.
	SessionKeys(ctx context.Context) ([]SessionKeyRow, error)
}

// GrantStore keeps grants. Every method but Grants and RetirableGrants is independent of how many others there are.
type GrantStore interface {
	// Grant reads one grant of a key, or ErrNotFound.
	Grant(ctx context.Context, key KeyID, id GrantID) (GrantRow, error)
	// GrantsTo lists the grants of a key of which grantee, as in GrantRow.Grantee, is the grantee.
	GrantsTo(ctx context.Context, key KeyID, grantee string) ([]GrantRow, error)
	// GrantsNamed lists the grants of a key with a name.
	GrantsNamed(ctx context.Context, key KeyID, name string) ([]GrantRow, error)
	// Grants lists a key's grants with ids above after, at most limit; those to one grantee when grantee is set.
	Grants(ctx context.Context, key KeyID, grantee string, after GrantID, limit int) ([]GrantRow, error)
	// RetirableGrants lists the grants that retiring, as in GrantRow.Retiring, may retire, in the order of id and key, with
	// those above (after, afterKey), at most limit.
	RetirableGrants(ctx context.Context, retiring string, after GrantID, afterKey KeyID, limit int) ([]GrantRow, error)
}
