package kms

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// settleTimeout bounds the clean-up after a birth that failed, whose own context may be over.
const settleTimeout = 10 * time.Second

// Birth makes a generation's object in the token: the intent is recorded, the key generated, read back and proved with
// a canary. The rows it returns are a candidate: the operation's change must carry them, and Fulfil says how. A
// candidate that no change takes over is destroyed.
func (c *Call) Birth(ctx context.Context, key KeyID, number uint32, rotation keyspec.RotationType) (Newborn, error) {
	return c.service.birth(ctx, key, number, rotation, MicrosOf(c.now), &c.births)
}

// labour is a birth under way.
type labour struct {
	intent BirthRow
	// whole: the token said that it made the object. Until then it may hold half of one, without the id that would
	// find it, which only a sweep removes.
	whole bool
}

// Newborn is a generation that is made but not yet part of its key.
type Newborn struct {
	Generation GenerationRow
	Uses       UsesRow
}

// Fulfil adds the newborn to a change.
func (n Newborn) Fulfil(c *Change) {
	c.Generations = append(c.Generations, n.Generation)
	c.Uses = append(c.Uses, n.Uses)
	c.Births = append(c.Births, n.Generation.Object)
}

func (s *Service) birth(ctx context.Context, key KeyID, number uint32, rotation keyspec.RotationType, now Micros, births *[]labour) (Newborn, error) {
	object, err := device.NewObjectID(s.config.Rand)
	if err != nil {
		return Newborn{}, err
	}
	intent := BirthRow{Object: object, KeyID: key, Number: number, Token: s.device.Name(), StartedAt: now}
	if err := s.signer.sign(ctx, &intent); err != nil {
		return Newborn{}, err
	}
	s.nursery.admit(object)
	*births = append(*births, labour{intent: intent})
	if err := s.store.PutBirth(ctx, intent); err != nil {
		return Newborn{}, fmt.Errorf("record the intent to make a key: %w", err)
	}
	label := fmt.Sprintf("keyhold %s generation %d", key, number)
	cipher, err := s.device.GenerateKey(ctx, device.KeySpec{ID: object, Label: label, Purpose: device.PurposeWrap})
	if err != nil {
		return Newborn{}, err
	}
	(*births)[len(*births)-1].whole = true
	canary, err := s.canary(ctx, device.Key{ID: object, Cipher: cipher})
	if err != nil {
		return Newborn{}, err
	}
	return Newborn{
		Generation: GenerationRow{
			KeyID: key, Number: number, Rev: 1, State: GenerationReady, Object: object, Token: s.device.Name(),
			Cipher: cipher, MaterialID: materialID(key, object), RotationType: rotation, CreatedAt: now, Canary: canary,
		},
		Uses: UsesRow{KeyID: key, Number: number, Rev: 1, Reserved: 1}, // the canary
	}, nil
}

// materialID is the KeyMaterialId of a generation: opaque, 64 lower-case hexadecimal digits, different for each.
func materialID(key KeyID, object device.ObjectID) string {
	sum := sha256.Sum256(append([]byte("keyhold material v1\x00"+string(key)), object[:]...))
	return hex.EncodeToString(sum[:])
}

// canaryPlaintext is what every canary of an object opens to.
func canaryPlaintext(object device.ObjectID) []byte {
	sum := sha256.Sum256(append([]byte("keyhold canary plaintext v1\x00"), object[:]...))
	return sum[:]
}

func (s *Service) canary(ctx context.Context, key device.Key) (device.Sealed, error) {
	want := canaryPlaintext(key.ID)
	sealed, err := s.device.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: device.CanaryAAD(key.ID), Plaintext: want})
	if err != nil {
		return device.Sealed{}, fmt.Errorf("seal a canary: %w", err)
	}
	if err := checkSealed(sealed, len(want)); err != nil {
		return device.Sealed{}, fmt.Errorf("seal a canary: %w", err)
	}
	key.Canary = sealed
	return sealed, s.openCanary(ctx, key)
}

// openCanary proves that the object still is the key that made its canary.
func (s *Service) openCanary(ctx context.Context, key device.Key) error {
	got, err := s.device.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: device.CanaryAAD(key.ID), Sealed: key.Canary})
	if errors.Is(err, device.ErrInvalidData) { // not the caller's data, so not the caller's error
		return fmt.Errorf("open the canary: %w: %v", device.ErrUntrusted, err) //nolint:errorlint // one class, not two
	}
	if err != nil {
		return fmt.Errorf("open the canary: %w", err)
	}
	if !bytes.Equal(got, canaryPlaintext(key.ID)) {
		return fmt.Errorf("open the canary: %w: it opened to something else", device.ErrUntrusted)
	}
	return nil
}

// abandonBirths settles what a failed attempt began. What cannot be settled now stays for the reconciler.
func (c *Call) abandonBirths(ctx context.Context) {
	c.service.abandon(ctx, c.births)
	c.births = nil
}

func (s *Service) abandon(ctx context.Context, births []labour) {
	if len(births) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if !s.undo(ctx, births) {
		return
	}
	if _, err := s.Reconcile(ctx); err != nil {
		s.log.WarnContext(ctx, "births are left to the reconciler", "error", err)
	}
}

// undo settles births that nothing will take over. It tells whether half of an object may be left, which only a sweep
// finds: the intent then stays open until there was one.
func (s *Service) undo(ctx context.Context, births []labour) (sweep bool) {
	defer s.nursery.release(births)
	for _, b := range births {
		err := s.settle(ctx, b.intent)
		if err == nil && !b.whole && s.device.Exclusive() {
			sweep = true
			continue
		}
		if err == nil {
			err = s.store.CloseBirth(ctx, b.intent.Object)
		}
		if err != nil {
			s.log.WarnContext(ctx, "a birth is left to the reconciler", "object", b.intent.Object.String(), "error", err)
		}
	}
	return sweep
}

// settle does what an open intent asks for: an object that a generation took over lives, any other is destroyed. After
// it the token, seen to be healthy, has no such object, and the intent may go.
func (s *Service) settle(ctx context.Context, b BirthRow) error {
	if err := s.signer.verify(ctx, &b); err != nil {
		return err
	}
	taken, err := s.taken(ctx, b)
	if err != nil || taken {
		return err
	}
	if err := s.device.DestroyKey(ctx, b.Object); err != nil && !errors.Is(err, device.ErrKeyNotFound) {
		return fmt.Errorf("destroy object %s: %w", b.Object, err)
	}
	return nil
}

// taken tells whether a generation took the object over. The rows of the key that it was made for must be whole: were
// the generation's row removed from the database and its old intent put back, a live object would look abandoned.
func (s *Service) taken(ctx context.Context, b BirthRow) (bool, error) {
	if b.Object == s.meta.RowKey {
		return true, nil
	}
	generations, err := s.store.Generations(ctx)
	if err != nil {
		return false, err
	}
	for _, g := range generations {
		if g.Object == b.Object {
			return true, nil
		}
	}
	if _, err := s.loadKey(ctx, b.KeyID); err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	return false, nil
}

// nursery knows the births under way in this process, which the reconciler must leave alone.
type nursery struct {
	mu     sync.Mutex
	inside map[device.ObjectID]bool
}

func newNursery() *nursery { return &nursery{inside: map[device.ObjectID]bool{}} }

func (n *nursery) admit(id device.ObjectID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inside[id] = true
}

// release forgets births that are over. Who has none does not wait: the reconciler may hold the nursery for long.
func (n *nursery) release(births []labour) {
	if len(births) == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, b := range births {
		delete(n.inside, b.intent.Object)
	}
}
