package kms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/policy"
)

// errStale says that a snapshot was replaced while the request was under way: it starts again at Load.
var errStale = errors.New("the key changed while the request was under way")

// maxRestarts is how often a request may start again before it is given up as unavailable.
const maxRestarts = 3

// Caller is who asks, as far as authentication could tell.
type Caller struct {
	Account     AccountID
	Root        bool   // the account's root principal
	ARN         string // principal ARN
	PrincipalID string // immutable unique id; the account for root
	AccessKeyID string
	Source      string // source address, "local" for the data directory's owner
	Agent       string // user agent
}

// Call is one request on its way through the pipeline. It is the only thing through which an operation reaches the
// world, and belongs to one goroutine.
type Call struct {
	service   *Service
	caller    Caller
	operation string
	effect    Effect
	request   string // request id
	now       time.Time
	input     Input
	valid     bool // the input has passed its validation, so that it is bounded and may be recorded

	targets  []resolved
	notes    map[string]any // additionalEventData
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
func (c *Call) Alias(i int) *AliasRow { return c.targets[i].alias }

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
}

// MaxOnDemandRotations is the configured bound on RotateKeyOnDemand for one key; 0 is none.
func (c *Call) MaxOnDemandRotations() int { return c.service.config.MaxOnDemandRotations }

// Authentic tells whether a listed alias row is as Keyhold wrote it; another error is the token's.
func (c *Call) Authentic(ctx context.Context, a AliasRow) (bool, error) {
	err := c.service.signer.verify(ctx, &a)
	if _, tampered := isTampered(err); tampered {
		return false, nil
	}
	return err == nil, err
}

// authorize decides for every target, in order; the first refusal is the answer. The account's root principal is not
// above key policies. Actions on the account as a whole have no key policy: root has them all.
func (c *Call) authorize() error {
	for _, t := range c.targets {
		if t.key == nil || t.kind == listFilter {
			if !c.caller.Root {
				return api.AccessDenied(c.caller.ARN, t.Action, "*", api.NoIdentityPolicy)
			}
			continue
		}
		if err := c.authorizeKey(t); err != nil {
			return err
		}
	}
	return nil
}

func (c *Call) authorizeKey(t resolved) error {
	decision := t.key.policy.Evaluate(policy.Request{
		Principal: c.principal(), Action: t.Action, Resource: t.key.ARN(),
	})
	switch {
	case decision.Allowed:
		return nil
	case t.kind == byCiphertext && t.ref == "":
		return api.CiphertextRefersTo()
	case decision.ExplicitDeny:
		return api.AccessDenied(c.caller.ARN, t.Action, t.key.ARN(), api.DeniedByResource)
	case decision.Delegated: // the key policy leaves it to identity policies, and none allows it
		return api.AccessDenied(c.caller.ARN, t.Action, t.key.ARN(), api.NoIdentityPolicy)
	default:
		return api.AccessDenied(c.caller.ARN, t.Action, t.key.ARN(), api.NoResourcePolicy)
	}
}

func (c *Call) principal() policy.Principal {
	return policy.Principal{Account: string(c.caller.Account), ARN: c.caller.ARN, Root: c.caller.Root}
}

// CheckPolicy parses a policy that the caller wants to put on the key with the given ARN, and refuses one that would
// lock the caller out unless bypass is set (facts 5.4).
func (c *Call) CheckPolicy(document, arn string, bypass bool) error {
	if len(document) > policy.MaxBytes {
		return api.PolicyTooLarge()
	}
	p, err := policy.Parse(document)
	if err != nil {
		return api.MalformedPolicy(err.Error())
	}
	if !bypass && !p.AllowsUpdate(c.principal(), arn) {
		return api.PolicyLockout()
	}
	return nil
}

// DefaultPolicy is the policy of a key that is created without one.
func (c *Call) DefaultPolicy() string {
	return policy.Default(c.service.realm.partition(), string(c.caller.Account))
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
	var keys []*Key
	var aliases []*AliasRow
	for _, t := range c.targets {
		if t.key != nil {
			keys = append(keys, t.key)
		}
		if t.alias != nil {
			aliases = append(aliases, t.alias)
		}
	}
	return !c.service.snapshots.current(keys, aliases)
}

// Random draws n octets from the token.
func (c *Call) Random(ctx context.Context, n int) ([]byte, error) {
	p := make([]byte, n)
	return p, c.service.device.Random(ctx, p)
}

// Seal encrypts under the current generation of the i-th target's key and returns the blob and the id of the key
// material. A generation that may not encrypt any more is renewed first.
func (c *Call) Seal(ctx context.Context, i int, plaintext []byte, context map[string]string) ([]byte, string, error) {
	key := c.Key(i)
	if err := c.service.take(ctx, key); err != nil {
		return nil, "", err
	}
	generation := key.Current()
	b := blob{Key: key.ID(), Generation: generation.Number}
	sealed, err := c.service.device.Encrypt(ctx, device.EncryptRequest{
		Key: deviceKey(generation), AAD: b.aad(context), Plaintext: plaintext, Guard: c.guard,
	})
	if errors.Is(err, device.ErrUntrusted) {
		c.service.retire(ctx, key, err)
	}
	if err == nil {
		err = checkSealed(sealed, len(plaintext))
	}
	if err == nil && bytes.Equal(sealed.IV, generation.Canary.IV) {
		err = fmt.Errorf("seal: %w: the IV is that of the canary", device.ErrUntrusted)
	}
	if err != nil {
		return nil, "", err
	}
	b.Sealed = sealed
	return b.encode(), generation.MaterialID, nil
}

// Open decrypts the ciphertext of the i-th target, and returns the plaintext and the id of the key material.
func (c *Call) Open(ctx context.Context, i int, context map[string]string) ([]byte, string, error) {
	key, b := c.Key(i), c.targets[i].blob
	if b.Generation > key.Row().Current {
		return nil, "", api.InvalidCiphertext()
	}
	generation := key.Generations()[b.Generation-1]
	if generation.State != GenerationReady && generation.State != GenerationDecryptOnly {
		return nil, "", api.Unavailable(key.ARN())
	}
	plaintext, err := c.service.device.Decrypt(ctx, device.DecryptRequest{
		Key: deviceKey(generation), AAD: b.aad(context), Sealed: b.Sealed, Guard: c.guard,
	})
	if errors.Is(err, device.ErrInvalidData) {
		return nil, "", api.InvalidCiphertext()
	}
	return plaintext, generation.MaterialID, err
}

// checkSealed refuses what no blob can hold or nobody could open again: it must never reach a caller.
func checkSealed(s device.Sealed, plaintext int) error {
	if len(s.IV) != 12 && len(s.IV) != 16 || len(s.Ciphertext) != plaintext+device.TagSize {
		return fmt.Errorf("%w: it sealed %d octets to %d with an IV of %d", device.ErrUntrusted, plaintext, len(s.Ciphertext), len(s.IV))
	}
	return nil
}

func deviceKey(g GenerationRow) device.Key {
	return device.Key{ID: g.Object, Cipher: g.Cipher, Canary: g.Canary}
}
