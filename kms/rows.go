package kms

import (
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// Rows are what a Store keeps. Each row that carries authority or custody has a MAC: HMAC-SHA256 by a token key over
// the table's name and every other column, so that who holds the database file cannot change one unnoticed.
// Rev starts at 1 and grows by one with every change of the row; a Store applies a row only over Rev-1.

// KeyRow is the stored state of one KMS key.
type KeyRow struct {
	ID          KeyID
	Account     AccountID
	Rev         int64
	State       keyspec.KeyState
	Spec        keyspec.KeySpec
	Usage       keyspec.KeyUsage
	Origin      keyspec.Origin
	Manager     keyspec.KeyManager
	Description string
	Current     uint32 // number of the generation that encrypts; all of 1..Current exist
	CreatedAt   Micros
	DeletionAt  Micros // set in PendingDeletion: when the window ends
	WindowDays  int    // set in PendingDeletion: the window asked for

	RotationPeriodDays int    // 0: automatic rotation is off
	RotationBase       Micros // when automatic rotation was enabled or its period changed
	OnDemandRotations  int    // how many rotations on demand the key has had

	TagCount  int   // how many tags the key has, so that a removed one is missed
	PolicyRev int64 // the revision of its policy, so that an older policy is not taken for it

	MAC []byte
}

// GenerationState is the state of one generation of key material.
type GenerationState string

// The generation states; generationTransitions in states.go says which may follow which.
const (
	GenerationReady       GenerationState = "Ready"       // encrypts while current, decrypts always
	GenerationDecryptOnly GenerationState = "DecryptOnly" // decrypts only; the next encryption makes a new generation
	GenerationDestroying  GenerationState = "Destroying"  // its object is about to be, or has been, destroyed
	GenerationDestroyed   GenerationState = "Destroyed"   // its object is gone
)

// GenerationRow is one generation of a key: one AES-256 object in the token.
type GenerationRow struct {
	KeyID        KeyID
	Number       uint32 // from 1
	Rev          int64
	State        GenerationState
	Object       device.ObjectID // CKA_ID
	Token        string          // label of the token that holds the object
	Cipher       device.Cipher
	MaterialID   string               // 64 lower-case hexadecimal digits, AWS's KeyMaterialId
	RotationType keyspec.RotationType // empty for the first generation
	CreatedAt    Micros               // when it became current: the rotation date for all but the first
	Canary       device.Sealed
	MAC          []byte
}

// UsesRow counts the encryptions of one generation, in reserved blocks: Reserved is never below the true number.
type UsesRow struct {
	KeyID    KeyID
	Number   uint32
	Rev      int64
	Reserved uint64
	MAC      []byte
}

// PolicyRow is a key policy, the text as it was given.
type PolicyRow struct {
	KeyID    KeyID
	Rev      int64
	Document string
	Bound    Bindings // whom the principals that it names were when it was written
	MAC      []byte
}

// TagRow is one tag. Position keeps the order of first insertion.
type TagRow struct {
	KeyID    KeyID
	Key      string
	Rev      int64
	Value    string
	Position int64
	MAC      []byte
}

// AliasRow names a key.
type AliasRow struct {
	Account   AccountID
	Name      string // with the prefix "alias/"
	Rev       int64
	KeyID     KeyID
	CreatedAt Micros
	UpdatedAt Micros
	MAC       []byte
}

// BirthRow is the intent to make a token object, written before the object exists and removed when a generation
// takes the object over or the object is known to be gone.
type BirthRow struct {
	Object    device.ObjectID
	KeyID     KeyID
	Number    uint32 // of the generation; 0 for the marker of a birth
	Token     string
	StartedAt Micros
	MAC       []byte
}

// EventRow is an audit event on its way from a mutation's transaction to the log.
type EventRow struct {
	ID     string // UUID of the event
	Record []byte // the JSON record
	MAC    []byte
}

// MetaRow is what a data directory says of itself. There is exactly one.
type MetaRow struct {
	Directory string // UUID, drawn at initialisation
	Account   AccountID
	Region    string
	Token     string          // label of the token that holds RowKey
	RowKey    device.ObjectID // the HMAC key of the rows
	Ready     bool            // false between the first step of initialisation and the last
	Dev       bool            // a throw-away directory
	CreatedAt Micros
	MAC       []byte
}

// KeyRecord is a key with everything that a decision about it needs, read in one transaction.
type KeyRecord struct {
	Key         KeyRow
	Generations []GenerationRow // ascending by Number
	Uses        []UsesRow       // ascending by Number
	Policy      PolicyRow       // zero when the row is missing
	Tags        []TagRow        // ascending by Position
}
