package kms

import (
	"context"
	"errors"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/policy"
)

// errStale says that a snapshot was replaced while the request was under way: it starts again at Load.
var errStale = errors.New("the key changed while the request was under way")

// maxRestarts is how often a request may start again before it is given up as unavailable.
const maxRestarts = 3

// Caller is who asks, as far as authentication could tell. Credential and Root make callers.
type Caller struct {
	Account AccountID
	Root    bool   // the account's root principal
	ARN     string // of a user, of a session of a role, or of the root
	// PrincipalID is the unique id: that of a user, "<role id>:<session>", or the account for root.
	PrincipalID string
	AccessKeyID AccessKeyID
	Session     *Session // of a session's temporary credentials
	Source      string   // source address, "local" for the data directory's owner
	Agent       string   // user agent
	Secure      bool     // the request came over TLS
	// Local tells that the caller owns the data directory or the admin socket, and so may break the glass.
	Local bool
}

// Session is a role that somebody has assumed for a while.
type Session struct {
	Role      PrincipalID
	Name      string
	IssuedAt  Micros
	ExpiresAt Micros
}

// Call is one request on its way through the pipeline. It is the only thing through which an operation reaches the
// world, and belongs to one goroutine.
type Call struct {
	service   *Service
	caller    Caller
	operation string
	effect    Effect
	api       API
	request   string // request id
	now       time.Time
	input     Input
	valid     bool // the input has passed its validation, so that it is bounded and may be recorded

	targets  []resolved
	who      *Principal // the caller's user or role; nil for root
	relied   []relied   // the snapshots that this attempt's decision rests on
	asked    func() map[string][]string
	supposed Supposition    // of a simulated request
	notes    map[string]any // additionalEventData
	grounds  *grounds       // why the caller was turned away
	births   []labour       // of this attempt
	change   *Change        // what this attempt is committing, for the audit record
	eventID  string
	recorded bool // the audit event was committed with the change
}

// Now is the instant of the request, the same throughout.
func (c *Call) Now() time.Time { return c.now }

// Caller is who asks.
func (c *Call) Caller() Caller { return c.caller }

// Realm is where this service's keys live.
func (c *Call) Realm() Realm { return c.service.realm }

// Key is the key of the i-th target.
func (c *Call) Key(i int) *Key { return c.targets[i].key }

// Alias is the alias through which the i-th target was named; nil when it was named otherwise.
func (c *Call) Alias(i int) *AliasRow {
	if a := c.targets[i].alias; a != nil {
		row := a.row
		return &row
	}
	return nil
}

// Principal is the user or role that is the i-th target.
func (c *Call) Principal(i int) *Principal { return c.targets[i].principal }

// Verdict is why the caller may do what it asks of the i-th target.
func (c *Call) Verdict(i int) policy.Verdict { return c.targets[i].verdict }

// Note adds a fact to the audit record's additionalEventData.
func (c *Call) Note(name string, fact any) {
	if c.notes == nil {
		c.notes = map[string]any{}
	}
	c.notes[name] = fact
}

// Store gives read access to lists that are not part of a snapshot.
func (c *Call) Store() Lister { return c.service.store }

// Lister is the part of Store that operations may use directly.
type Lister interface {
	Keys(ctx context.Context, account AccountID, after KeyID, limit int) ([]KeyRow, error)
	Alias(ctx context.Context, account AccountID, name string) (AliasRow, error)
	Aliases(ctx context.Context, account AccountID, key KeyID, after string, limit int) ([]AliasRow, error)
	IdentityStore
	GrantStore
}

// MaxOnDemandRotations is the configured bound on RotateKeyOnDemand for one key; 0 is none.
func (c *Call) MaxOnDemandRotations() int { return c.service.config.MaxOnDemandRotations }

// Authentic tells whether a listed row is as Keyhold wrote it; another error is the token's.
func (c *Call) Authentic(ctx context.Context, row AuthenticRow) (bool, error) {
	err := c.service.signer.verify(ctx, row)
	if _, tampered := isTampered(err); tampered {
		return false, nil
	}
	return err == nil, err
}

// NewKeyID draws the id of a new key.
func (c *Call) NewKeyID() (KeyID, error) { return NewKeyID(c.service.config.Rand) }

// guard is the last look before the token is called: every snapshot of the call must still be the newest.
func (c *Call) guard() error {
	if c.stale() {
		return errStale
	}
	return nil
}

func (c *Call) stale() bool {
	for _, r := range c.relied {
		if r.snapshot.stale() {
			return true
		}
	}
	return false
}

// relied is a snapshot that a decision rests on, and the row that it was made from.
type relied struct {
	snapshot interface{ stale() bool }
	row      Expectation // of what a change must still find; zero when the snapshot has no row of its own
}

func (c *Call) rely(s interface{ stale() bool }, row Expectation) {
	c.relied = append(c.relied, relied{s, row})
}

// Random draws n octets from the token. What was drawn for a caller from whom something was taken away meanwhile is
// forgotten: the request starts again.
func (c *Call) Random(ctx context.Context, n int) ([]byte, error) {
	p := make([]byte, n)
	err := c.service.device.Random(ctx, p)
	if err == nil {
		err = c.guard()
	}
	if err != nil {
		secret.Wipe(p)
		return nil, err
	}
	return p, nil
}

// Seal encrypts under the current generation of the i-th target's key and returns the blob and the id of the key
// material. A generation that may not encrypt any more is renewed first.
func (c *Call) Seal(ctx context.Context, i int, plaintext []byte, context map[string]string) ([]byte, string, error) {
	return c.service.seal(ctx, c.Key(i), plaintext, context, c.guard)
}

// Open decrypts the ciphertext of the i-th target, and returns the plaintext and the id of the key material.
func (c *Call) Open(ctx context.Context, i int, context map[string]string) ([]byte, string, error) {
	return c.service.open(ctx, c.Key(i), c.targets[i].blob, context, c.guard)
}
