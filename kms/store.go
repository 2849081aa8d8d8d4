package kms

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/kms/device"
)

// The errors that a Store answers; any other is a failure of the store itself.
var (
	// ErrNotFound: no such row.
	ErrNotFound = errors.New("no such row")
	// ErrConflict: a row was not at the revision that the change was made for; nothing was changed.
	ErrConflict = errors.New("the row has changed since it was read")
	// ErrKeyLimit: the account already has as many customer managed keys as allowed; nothing was changed.
	ErrKeyLimit = errors.New("the account has too many keys")
	// ErrAliasLimit: the key already has as many aliases as allowed; nothing was changed.
	ErrAliasLimit = errors.New("the key has too many aliases")
	// ErrGrantLimit: the key already has as many grants as allowed; nothing was changed.
	ErrGrantLimit = errors.New("the key has too many grants")
)

// Store keeps the rows. Every method may be called concurrently. What Apply acknowledged survives a crash of the
// process and of the machine. Lists are in ascending order of the row's key, so that a name or id is a page marker.
type Store interface {
	// Meta reads the directory's own row: ErrNotFound before initialisation.
	Meta(ctx context.Context) (MetaRow, error)
	// PutMeta writes it, replacing what was there.
	PutMeta(ctx context.Context, m MetaRow) error

	// Key reads a key and all that belongs to it in one transaction, or ErrNotFound.
	Key(ctx context.Context, id KeyID) (KeyRecord, error)
	// Keys lists the rows of an account's keys with ids above after, at most limit.
	Keys(ctx context.Context, account AccountID, after KeyID, limit int) ([]KeyRow, error)
	// KeyCount is how many customer managed keys an account has, whatever their state. It does not grow slower with them.
	KeyCount(ctx context.Context, account AccountID) (int, error)
	// Alias reads one alias, or ErrNotFound.
	Alias(ctx context.Context, account AccountID, name string) (AliasRow, error)
	// Aliases lists an account's aliases with names above after, at most limit; those of one key when key is set.
	Aliases(ctx context.Context, account AccountID, key KeyID, after string, limit int) ([]AliasRow, error)
	// Generations lists every generation of every key of every account, by key id and number.
	Generations(ctx context.Context) ([]GenerationRow, error)

	IdentityStore
	GrantStore

	// Apply makes a change, all of it or nothing, durably: ErrConflict, ErrKeyLimit, ErrAliasLimit, ErrGrantLimit.
	Apply(ctx context.Context, c Change) error

	// PutBirth records the intent to make an object. The id must be new.
	PutBirth(ctx context.Context, b BirthRow) error
	// Births lists the open intents, oldest first.
	Births(ctx context.Context) ([]BirthRow, error)
	// CloseBirth removes an intent; nil when there is none.
	CloseBirth(ctx context.Context, id device.ObjectID) error

	// Outbox lists events that are not yet known to be in the log, in the order of their transactions.
	Outbox(ctx context.Context, limit int) ([]EventRow, error)
	// Drained removes events from the outbox once the log has them.
	Drained(ctx context.Context, ids []string) error

	Close() error
}

// Change is what one transaction does. A row with Rev 1 is inserted and must be new; any other replaces the row that
// has Rev-1. The order of application is the order of the fields, so that rows exist before others refer to them.
type Change struct {
	// Expect lists rows that must still be as they were read, though the change does not write them.
	Expect []Expectation

	// MaxKeys bounds how many customer managed keys an account may have after the change, counted inside the transaction
	// for each account that Keys has one of. 0: no bound.
	MaxKeys     int
	Keys        []KeyRow
	Generations []GenerationRow
	Uses        []UsesRow
	Policies    []PolicyRow
	Tags        []TagRow
	DropTags    []TagRow // by KeyID and Key, at Rev
	// MaxAliases bounds how many aliases a key may have after the change, counted inside the transaction for each
	// key that Aliases gives one to. 0: no bound.
	MaxAliases  int
	Aliases     []AliasRow
	DropAliases []AliasRow // by Account and Name, at Rev

	Principals            []PrincipalRow
	PrincipalPolicies     []PrincipalPolicyRow
	AccessKeys            []AccessKeyRow
	SessionKeys           []SessionKeyRow
	DropPrincipalPolicies []PrincipalPolicyRow // by Principal and Name, at Rev
	DropAccessKeys        []AccessKeyRow       // by ID, at Rev
	DropPrincipals        []PrincipalRow       // by ID, at Rev; what belongs to one goes before it
	Accounts              []AccountRow         // ErrConflict for one with DeletedAt that has keys or principals
	DropSessionKeys       []SessionKeyRow      // by ID, at Rev

	// MaxGrants bounds how many grants a key may have after the change, counted inside the transaction for each key
	// that Grants gives one to. 0: no bound.
	MaxGrants  int
	Grants     []GrantRow
	DropGrants []GrantRow // by KeyID and ID, at Rev

	Births []device.ObjectID // intents fulfilled by this change; each must be open
	Events []EventRow
}

// Expectation is a row at a revision, which the change was decided on and does not write; 0: it must not exist. It is the
// row of a key (Key set alone), an alias (Account and Alias), a principal (Principal), an access key (AccessKey), an
// account (Account alone) or a grant (Key and Grant).
type Expectation struct {
	Key       KeyID
	Account   AccountID
	Alias     string
	Principal PrincipalID
	AccessKey AccessKeyID
	Grant     GrantID
	Rev       int64
}
