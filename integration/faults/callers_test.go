package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// callerCount is how many callers there are at a time.
const callerCount = 16

// blob is a ciphertext that a caller got, and what it must open to.
type blob struct {
	key, plaintext string
	ciphertext     []byte
}

// tagState is the tag that one caller writes to a key of its own: a number that grows.
type tagState struct{ tried, acknowledged int }

const tagKey = "count"

// wrongAnswer is an answer that no fault excuses.
type wrongAnswer struct{ error }

func wrong(format string, args ...any) error { return wrongAnswer{fmt.Errorf(format, args...)} }

// do is one request of the root. A refusal that a client would try again stays as it is; every other error is a wrong
// answer: for a good ciphertext, a key that exists, or a device that failed no check.
func do[Out any](ctx context.Context, s *site, operation string, input kms.Input) (*Out, error) {
	out, err := s.service.Do(ctx, kms.Request{Operation: operation, Caller: s.service.Root("local", "test"), Input: input})
	if err != nil {
		if mayBeTriedAgain(err) {
			return nil, fmt.Errorf("%s: %w", operation, err)
		}
		return nil, wrong("%s: %w", operation, err)
	}
	answer, ok := out.(*Out)
	if !ok {
		return nil, wrong("%s answered a %T", operation, out)
	}
	return answer, nil
}

// mayBeTriedAgain tells the refusals of a service whose device is not there just now. KeyUnavailableException has other
// texts for material that is missing and for a token that failed a check: those would be wrong.
func mayBeTriedAgain(err error) bool {
	var wire *api.Error
	if !errors.As(err, &wire) {
		return false
	}
	switch wire.Name {
	case api.KeyUnavailableException:
		return strings.HasPrefix(wire.Message, "The token is not available.")
	case api.DependencyTimeoutException, api.ThrottlingException:
		return true
	default:
		return false
	}
}

func (s *site) createKey(ctx context.Context) (id string, err error) {
	out, err := do[api.CreateKeyOutput](ctx, s, "CreateKey", &api.CreateKeyInput{})
	if err != nil {
		return "", err
	}
	return out.KeyMetadata.KeyID, nil
}

func (s *site) encrypt(ctx context.Context, key, plaintext string) (blob, error) {
	out, err := do[api.EncryptOutput](ctx, s, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte(plaintext)})
	if err != nil {
		return blob{}, err
	}
	return blob{key: key, plaintext: plaintext, ciphertext: out.CiphertextBlob}, nil
}

func (s *site) decrypt(ctx context.Context, b blob) error {
	out, err := do[api.DecryptOutput](ctx, s, "Decrypt", &api.DecryptInput{CiphertextBlob: b.ciphertext})
	switch {
	case err != nil:
		return err
	case string(out.Plaintext) != b.plaintext:
		return wrong("Decrypt: another plaintext")
	case !strings.HasSuffix(out.KeyID, b.key):
		return wrong("Decrypt names key %s, not %s", out.KeyID, b.key)
	}
	return nil
}

func (s *site) generateDataKey(ctx context.Context, key string) (blob, error) {
	spec := keyspec.AES256
	out, err := do[api.GenerateDataKeyOutput](ctx, s, "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: &key, KeySpec: &spec})
	if err != nil {
		return blob{}, err
	}
	if len(out.Plaintext) != 32 || strings.Trim(string(out.Plaintext), "\x00") == "" {
		return blob{}, wrong("GenerateDataKey gave no data key")
	}
	return blob{key: key, plaintext: string(out.Plaintext), ciphertext: out.CiphertextBlob}, nil
}

func (s *site) describe(ctx context.Context, key string) error {
	out, err := do[api.DescribeKeyOutput](ctx, s, "DescribeKey", &api.DescribeKeyInput{KeyID: &key})
	if err == nil && (out.KeyMetadata.KeyID != key || !out.KeyMetadata.Enabled) {
		return wrong("DescribeKey of %s gave %s, enabled %t", key, out.KeyMetadata.KeyID, out.KeyMetadata.Enabled)
	}
	return err
}

// tag writes the caller's next number.
func (s *site) tag(ctx context.Context, caller int) error {
	t := &s.tags[caller]
	t.tried++
	_, err := do[api.TagResourceOutput](ctx, s, "TagResource",
		&api.TagResourceInput{KeyID: &s.blobs[caller].key, Tags: []api.Tag{api.NewTag(tagKey, fmt.Sprint(t.tried))}})
	if err == nil {
		t.acknowledged = t.tried
	}
	return err
}

// operation is what a caller asks for. It is the wire's name.
type operation string

const (
	opEncrypt  operation = "Encrypt"
	opDecrypt  operation = "Decrypt"
	opDataKey  operation = "GenerateDataKey"
	opDescribe operation = "DescribeKey"
	opTag      operation = "TagResource"
	opCreate   operation = "CreateKey"
)

var mix = []operation{opEncrypt, opDecrypt, opDataKey, opDescribe, opDecrypt, opTag, opEncrypt, opDescribe}

// Pauses between the requests of one caller, so that the machine is busy and not swamped, and the keys stay few.
const (
	requestPause = 4 * time.Millisecond
	createPause  = 100 * time.Millisecond
)

// The longest that a request may take, whatever happens to the device: many times the deadline of one call, since a
// request makes several, each is tried again, and what failed is settled.
const (
	slowestRequest = 20 * deadline
	slowestCreate  = 60 * deadline
)

// callers are the requests that run while a fault comes and goes.
type callers struct {
	s    *site
	keys []string // that are used: those that there were at the start
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	served  int
	refused map[operation]int
	first   error // refusal
	late    int   // refusals of requests that began after settled
	wrong   []error
	blobs   []blob
	created []string
	settled time.Time // everything works from here on
	last    time.Time // when the last request began that was refused
	slowest time.Duration
}

// call starts callerCount callers; one of them, or creators of them, make keys.
func (s *site) call(ctx context.Context, creators int) *callers {
	c := &callers{s: s, keys: slices.Clone(s.keys), stop: make(chan struct{}), refused: map[operation]int{}}
	for n := range callerCount {
		c.wg.Go(func() {
			for i := 0; !c.stopped(); i++ {
				op, pause := mix[(n+i)%len(mix)], requestPause
				if n < max(creators, 1) {
					op = opCreate
					if creators == 0 {
						pause = createPause
					}
				}
				c.one(ctx, n, i, op)
				time.Sleep(pause)
			}
		})
	}
	return c
}

func (c *callers) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// end stops the callers and waits for them. The site takes over what they were acknowledged.
func (c *callers) end() {
	close(c.stop)
	c.wg.Wait()
	c.s.keys = append(c.s.keys, c.created...)
}

// one is one request, or two: what a caller got it opens at once.
func (c *callers) one(ctx context.Context, caller, i int, op operation) {
	key, begun := c.keys[(caller*37+i)%len(c.keys)], time.Now()
	var got blob
	var err error
	switch op {
	case opEncrypt:
		got, err = c.s.encrypt(ctx, key, fmt.Sprintf("%d of %d", i, caller))
	case opDataKey:
		got, err = c.s.generateDataKey(ctx, key)
	case opDecrypt:
		err = c.s.decrypt(ctx, c.pick(caller, i))
	case opDescribe:
		err = c.s.describe(ctx, key)
	case opTag:
		err = c.s.tag(ctx, caller)
	case opCreate:
		var id string
		if id, err = c.s.createKey(ctx); err == nil {
			c.keep(func() { c.created = append(c.created, id) })
		}
	}
	c.note(op, begun, err)
	if got.ciphertext != nil {
		begun = time.Now()
		c.note(opDecrypt, begun, c.s.decrypt(ctx, got))
		c.keep(func() { c.blobs = append(c.blobs, got) })
	}
}

// pick is a ciphertext from before the fault, or by turns one of those of now.
func (c *callers) pick(caller, i int) blob {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i%2 == 0 && len(c.blobs) > 0 {
		return c.blobs[(caller+i)%len(c.blobs)]
	}
	return c.s.blobs[(caller*37+i)%len(c.s.blobs)]
}

func (c *callers) keep(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *callers) note(op operation, begun time.Time, err error) {
	took, most := time.Since(begun), slowestRequest
	if op == opCreate {
		most = slowestCreate
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slowest = max(c.slowest, took)
	if took > most {
		c.wrong = append(c.wrong, fmt.Errorf("%s took %v: %w", op, took, err))
	}
	var bad wrongAnswer
	switch {
	case err == nil:
		c.served++
	case errors.As(err, &bad):
		c.wrong = append(c.wrong, err)
	default:
		c.refused[op]++
		if begun.After(c.last) {
			c.last = begun
		}
		if c.first == nil {
			c.first = err
		}
		if !c.settled.IsZero() && begun.After(c.settled) {
			c.late++
		}
	}
}

// allWork makes one request of each kind, and more of those that read. It tells when the first was answered.
func (s *site) allWork(ctx context.Context, round int) (first time.Time, err error) {
	if err := s.readsWork(ctx, round, 1); err != nil {
		return first, err
	}
	first = time.Now()
	if err := s.readsWork(ctx, round, 8); err != nil {
		return first, err
	}
	_, err = do[api.TagResourceOutput](ctx, s, "TagResource",
		&api.TagResourceInput{KeyID: &s.blobs[keyCount-1].key, Tags: []api.Tag{api.NewTag("back", fmt.Sprint(round))}})
	if err != nil {
		return first, err
	}
	id, err := s.createKey(ctx)
	if err == nil {
		s.keys = append(s.keys, id)
	}
	return first, err
}

func (s *site) readsWork(ctx context.Context, round, n int) error {
	for i := range n {
		key := s.blobs[(round+i*13)%keyCount].key
		b, err := s.encrypt(ctx, key, "back?")
		if err == nil {
			err = s.decrypt(ctx, b)
		}
		if err == nil {
			err = s.decrypt(ctx, s.blobs[(round+i*7)%keyCount])
		}
		if err == nil {
			err = s.describe(ctx, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// whole looks, after a cell, for everything that was acknowledged, and for anything that should not be there.
func (s *site) whole(ctx context.Context, blobs []blob, created []string) error {
	if _, err := s.service.Reconcile(ctx); err != nil {
		return heldUp{error: fmt.Errorf("reconcile: %w", err)}
	}
	for _, b := range slices.Concat(s.blobs, blobs[max(0, len(blobs)-300):]) {
		if err := s.decrypt(ctx, b); err != nil {
			return excused(fmt.Errorf("afterwards: %w", err))
		}
	}
	for _, id := range created {
		b, err := s.encrypt(ctx, id, "an acknowledged key")
		if err == nil {
			err = s.describe(ctx, id)
		}
		if err == nil {
			err = s.decrypt(ctx, b)
		}
		if err != nil {
			return excused(fmt.Errorf("the acknowledged key %s: %w", id, err))
		}
	}
	return errors.Join(excused(s.tagsStand(ctx)), s.noOrphans(ctx))
}

// tagsStand: what was refused may have been written all the same, but never something older than was acknowledged.
func (s *site) tagsStand(ctx context.Context) error {
	for caller, want := range s.tags {
		out, err := do[api.ListResourceTagsOutput](ctx, s, "ListResourceTags", &api.ListResourceTagsInput{KeyID: &s.blobs[caller].key})
		if err != nil {
			return err
		}
		got := 0
		for _, tag := range out.Tags {
			if tag.Key() == tagKey {
				if _, err := fmt.Sscan(tag.Value(), &got); err != nil {
					return err
				}
			}
		}
		if got < want.acknowledged || got > want.tried {
			return fmt.Errorf("the tag of caller %d is %d; %d was acknowledged, %d tried", caller, got, want.acknowledged, want.tried)
		}
	}
	return nil
}

// noOrphans compares the token's objects with the rows, both ways.
func (s *site) noOrphans(ctx context.Context) error {
	items, err := s.service.Inventory(ctx)
	if err != nil {
		return heldUp{error: fmt.Errorf("list the token: %w", err)}
	}
	have := map[string]bool{}
	for _, item := range items {
		switch item.Kind {
		case "generation":
			have[string(item.KeyID)] = true
		case "row key":
		default:
			return fmt.Errorf("left over: %+v", item)
		}
	}
	for _, id := range s.keys {
		if !have[id] {
			return fmt.Errorf("the acknowledged key %s is in no inventory", id)
		}
	}
	return nil
}

// refusals is the sum and, for a message, which operations it is made of.
func (c *callers) refusals() (total, creations int, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []string
	for _, op := range slices.Sorted(maps.Keys(c.refused)) {
		total += c.refused[op]
		parts = append(parts, fmt.Sprintf("%d %s", c.refused[op], op))
	}
	return total, c.refused[opCreate], strings.Join(parts, ", ")
}
