package kms

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// settleTimeout bounds the clean-up after a birth that failed, whose own context may be over.
const settleTimeout = 10 * time.Second

// A birth makes two objects. The marker comes first and is destroyed after the change that takes the generation's
// object over: it is the token's own word that the birth is not over. An intent alone is not believed, for a database
// that was put back holds intents of births that are long over, and their objects are live keys. Both intents are
// recorded before either object exists; that of the marker has the generation number 0.

// markerOf is the id of the marker of an object's birth.
func markerOf(object device.ObjectID) device.ObjectID {
	sum := sha256.Sum256(append([]byte("keyhold birth marker v1\x00"), object[:]...))
	return device.ObjectID(sum[:16])
}

// isMarker tells the intent of a marker.
func (r *BirthRow) isMarker() bool { return r.Number == 0 }

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
	marker := BirthRow{Object: markerOf(object), KeyID: key, Token: s.device.Name(), StartedAt: now}
	intent := BirthRow{Object: object, KeyID: key, Number: number, Token: s.device.Name(), StartedAt: now}
	label := fmt.Sprintf("keyhold %s generation %d", key, number)
	// The intents stand in the order in which they are settled: without its marker an object would be left alone.
	for _, b := range []BirthRow{intent, marker} {
		if err := s.intend(ctx, b, births); err != nil {
			return Newborn{}, err
		}
	}
	made := (*births)[len(*births)-2:]
	spec := device.KeySpec{ID: marker.Object, Label: "birth of " + label, Purpose: device.PurposeMAC}
	if _, err := s.device.GenerateKey(ctx, spec); err != nil {
		return Newborn{}, err
	}
	made[1].whole = true
	cipher, err := s.device.GenerateKey(ctx, device.KeySpec{ID: object, Label: label, Purpose: device.PurposeWrap})
	if err != nil {
		return Newborn{}, err
	}
	made[0].whole = true
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

// intend records an intent.
func (s *Service) intend(ctx context.Context, b BirthRow, births *[]labour) error {
	if err := s.signer.sign(ctx, &b); err != nil {
		return err
	}
	if err := s.nursery.admit(ctx, b.Object); err != nil {
		return fmt.Errorf("wait until half-made objects are removed: %w", err)
	}
	*births = append(*births, labour{intent: b})
	if err := s.store.PutBirth(ctx, b); err != nil {
		return fmt.Errorf("record the intent to make a key: %w", err)
	}
	return nil
}

// born ends births that a change has taken over: their markers go. What fails is left to the reconciler, for the
// generation lives by its row.
func (s *Service) born(ctx context.Context, births []labour) {
	var markers []labour
	for _, b := range births {
		if b.intent.isMarker() {
			markers = append(markers, b)
		}
	}
	defer s.nursery.release(births)
	if len(markers) > 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
		defer cancel()
		s.undo(ctx, markers)
	}
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
		return fmt.Errorf("open the canary: %w: %s", device.ErrUntrusted, err.Error())
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
	needed := map[device.ObjectID]bool{} // markers of objects that are not settled
	for _, b := range births {
		if needed[b.intent.Object] {
			continue
		}
		err := s.settle(ctx, b.intent, ours)
		if err == nil && !b.whole && s.device.Exclusive() {
			sweep = true
			continue
		}
		if err == nil {
			err = s.store.CloseBirth(ctx, b.intent.Object)
		}
		if err != nil {
			needed[markerOf(b.intent.Object)] = true
			s.log.WarnContext(ctx, "a birth is left to the reconciler", "object", b.intent.Object.String(), "error", err)
		}
	}
	return sweep
}

// evidence says why an intent is believed.
type evidence int

const (
	ours   evidence = iota + 1 // this process has the birth under way
	marked                     // the token must still hold the birth's marker
)

// errOutlived: an intent asks for the death of an object that no generation took over, as far as the rows tell, and
// whose birth is over, as the token tells. The rows are older than the token's objects.
var errOutlived = errors.New("the object's birth is over and no generation knows it: the database is older than the token, or rows were removed")

// settle does what an open intent asks for: an object that a generation took over lives, any other is destroyed, if
// there is evidence that its birth is not over. After it the intent may go.
func (s *Service) settle(ctx context.Context, b BirthRow, why evidence) error {
	if why != ours {
		if err := s.signer.verify(ctx, &b); err != nil {
			return err
		}
	}
	if !b.isMarker() { // which nothing takes over
		taken, err := s.taken(ctx, b)
		if err != nil || taken {
			return err
		}
		if err := s.mustBeMarked(ctx, b.Object, why); err != nil {
			return err
		}
	}
	if err := s.device.DestroyKey(ctx, b.Object); err != nil && !errors.Is(err, device.ErrKeyNotFound) {
		return fmt.Errorf("destroy object %s: %w", b.Object, err)
	}
	return nil
}

// mustBeMarked answers errOutlived for an object that is there while its marker is not.
func (s *Service) mustBeMarked(ctx context.Context, object device.ObjectID, why evidence) error {
	if why == ours {
		return nil
	}
	marker, err := s.device.HasKey(ctx, markerOf(object))
	if err != nil || marker {
		return err
	}
	present, err := s.device.HasKey(ctx, object)
	if err == nil && present {
		err = fmt.Errorf("object %s: %w", object, errOutlived)
	}
	return err
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
	reconciler baton // held by the one that is at work
	door       baton // held while intents are read or half-made objects removed, and while a birth comes in

	mu     sync.Mutex
	inside map[device.ObjectID]bool
}

func newNursery() *nursery {
	return &nursery{reconciler: make(baton, 1), door: make(baton, 1), inside: map[device.ObjectID]bool{}}
}

// baton is held by one at a time, for as long as a token may take: who waits for it may give up.
type baton chan struct{}

func (b baton) take(ctx context.Context) error {
	select {
	case b <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b baton) give() { <-b }

func (n *nursery) admit(ctx context.Context, id device.ObjectID) error {
	if err := n.door.take(ctx); err != nil {
		return err
	}
	defer n.door.give()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inside[id] = true
	return nil
}

// release forgets births that are over. It does not wait for the reconciler.
func (n *nursery) release(births []labour) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, b := range births {
		delete(n.inside, b.intent.Object)
	}
}

// underWay are the births of this moment. Any may end; while the door is held none begins.
func (n *nursery) underWay() map[device.ObjectID]bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.inside)
}
