package kms

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// usesStore keeps counts of uses, and one key, and nothing else.
type usesStore struct {
	Store
	mu    sync.Mutex
	rows  map[generationID]UsesRow
	steps []uint64 // every count that was stored
	key   KeyRecord
}

func (s *usesStore) Apply(_ context.Context, c Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range c.Uses {
		id := generationID{r.KeyID, r.Number}
		if s.rows[id].Rev != r.Rev-1 {
			return ErrConflict
		}
		s.rows[id] = r
		s.steps = append(s.steps, r.Reserved)
	}
	return nil
}

func (s *usesStore) Key(context.Context, KeyID) (KeyRecord, error) {
	if s.key.Key.ID == "" {
		return KeyRecord{}, ErrNotFound
	}
	return s.key, nil
}

func countingService(maxUses uint64) (*Service, *usesStore, *counter) {
	store := &usesStore{rows: map[generationID]UsesRow{}}
	row := UsesRow{KeyID: "k", Number: 1, Rev: 1, Reserved: 1}
	store.rows[generationID{"k", 1}] = row
	s := &Service{
		config: Config{MaxUses: maxUses}.withDefaults(), store: store, device: macToken{},
		signer: rowSigner{device: macToken{}}, snapshots: newSnapshots(), counters: newCounters(), locks: newNameLocks(),
		nursery: newNursery(), realm: here,
	}
	s.log = s.config.Logger
	return s, store, s.counters.of(row)
}

func TestUsesAreReservedInBlocksThatDoubleUpTo65536(t *testing.T) {
	s, store, count := countingService(0)
	for range 1 << 18 {
		if err := s.reserve(t.Context(), count); err != nil {
			t.Fatal(err)
		}
		if count.used() > store.rows[generationID{"k", 1}].Reserved {
			t.Fatalf("%d uses are made and %d reserved", count.used(), store.rows[generationID{"k", 1}].Reserved)
		}
	}
	blocks := []uint64{}
	last := uint64(1)
	for _, step := range store.steps {
		blocks = append(blocks, step-last)
		last = step
	}
	want := []uint64{64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 65536, 65536, 65536}
	if !slices.Equal(blocks, want) {
		t.Errorf("the blocks are %v, want %v", blocks, want)
	}
	s.returnUses(t.Context())
	if got := store.rows[generationID{"k", 1}].Reserved; got != 1+1<<18 {
		t.Errorf("after a clean stop the count is %d, want %d", got, 1+1<<18)
	}
}

func TestTheLastBlockEndsAtTheLastUse(t *testing.T) {
	s, store, count := countingService(100)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 1 // the canary
	for range 16 {
		wg.Go(func() {
			for range 10 {
				err := s.reserve(t.Context(), count)
				var wire *api.Error
				if err != nil && (!errors.As(err, &wire) || wire.Name != api.LimitExceededException) {
					t.Error(err)
				}
				mu.Lock()
				if err == nil {
					made++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if made != 100 || !slices.Equal(store.steps, []uint64{65, 100}) {
		t.Errorf("%d uses were made, in blocks that end at %v", made, store.steps)
	}
	// A count above a limit that was lowered stays, and a returned block never goes above what is stored.
	s.config.MaxUses = 50
	if err := s.reserve(t.Context(), count); err == nil {
		t.Error("a use is made above the limit")
	}
	s.returnUses(t.Context())
	if !slices.Equal(store.steps, []uint64{65, 100}) {
		t.Errorf("the counts that were stored are %v", store.steps)
	}
}

func TestACountThatSomebodyElseChangedIsNotUsed(t *testing.T) {
	s, store, count := countingService(0)
	changed := store.rows[generationID{"k", 1}]
	changed.Rev += 5
	store.rows[generationID{"k", 1}] = changed
	if err := s.reserve(t.Context(), count); !errors.Is(err, ErrConflict) || count.used() != 1 {
		t.Errorf("got %v after %d uses", err, count.used())
	}
}

func TestAChangeThatTheTablesOfStatesDoNotKnowIsRefused(t *testing.T) {
	keyStates := append(keyspec.KeyStates.Values(), "Sleeping")
	allowed := map[[2]keyspec.KeyState]bool{}
	for _, pair := range [][2]keyspec.KeyState{
		{"", keyspec.StateEnabled},
		{keyspec.StateEnabled, keyspec.StateEnabled}, {keyspec.StateEnabled, keyspec.StateDisabled}, {keyspec.StateEnabled, keyspec.StatePendingDeletion},
		{keyspec.StateDisabled, keyspec.StateDisabled}, {keyspec.StateDisabled, keyspec.StateEnabled}, {keyspec.StateDisabled, keyspec.StatePendingDeletion},
		{keyspec.StatePendingDeletion, keyspec.StatePendingDeletion}, {keyspec.StatePendingDeletion, keyspec.StateDisabled},
	} {
		allowed[pair] = true
	}
	for _, from := range append([]keyspec.KeyState{""}, keyStates...) {
		for _, to := range keyStates {
			s, _, _ := countingService(0)
			row := KeyRow{ID: "k", Rev: 1, State: to}
			if from != "" {
				row.Rev = 2
				s.snapshots.keys.entries["k"] = &Key{record: KeyRecord{Key: KeyRow{ID: "k", Rev: 1, State: from}}}
			}
			if err := s.checkTransitions(t.Context(), Change{Keys: []KeyRow{row}}); (err == nil) != allowed[[2]keyspec.KeyState{from, to}] {
				t.Errorf("a key from %q to %q: %v", from, to, err)
			}
		}
	}
	generationStates := []GenerationState{GenerationReady, GenerationDecryptOnly, GenerationDestroying, GenerationDestroyed, "Sleeping"}
	forward := map[[2]GenerationState]bool{
		{"", GenerationReady}: true, {GenerationReady, GenerationReady}: true, {GenerationReady, GenerationDecryptOnly}: true,
		{GenerationReady, GenerationDestroying}: true, {GenerationDecryptOnly, GenerationDecryptOnly}: true,
		{GenerationDecryptOnly, GenerationDestroying}: true, {GenerationDestroying, GenerationDestroyed}: true,
	}
	for _, from := range append([]GenerationState{""}, generationStates...) {
		for _, to := range generationStates {
			s, _, _ := countingService(0)
			row := GenerationRow{KeyID: "k", Number: 1, Rev: 1, State: to}
			if from != "" {
				row.Rev = 2
				s.snapshots.keys.entries["k"] = &Key{record: KeyRecord{Generations: []GenerationRow{{KeyID: "k", Number: 1, Rev: 1, State: from}}}}
			}
			if err := s.checkTransitions(t.Context(), Change{Generations: []GenerationRow{row}}); (err == nil) != forward[[2]GenerationState{from, to}] {
				t.Errorf("a generation from %q to %q: %v", from, to, err)
			}
		}
	}
	s, _, _ := countingService(0)
	if err := s.checkTransitions(t.Context(), Change{Keys: []KeyRow{{ID: "k", Rev: 2, State: keyspec.StateEnabled}}}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a change of a key that does not exist: %v", err)
	}
}

// A store that hangs must hang neither who only looks, as metrics do, nor, at the end, who counts with another key.
func TestWhoLooksAtACountDoesNotWaitForTheStore(t *testing.T) {
	for name, write := range map[string]func(*Service, *counter) error{
		"that reserves a block": func(s *Service, k *counter) error { return s.reserve(t.Context(), k) },
		"that takes one back": func(s *Service, k *counter) error {
			k.row.Reserved += 5
			s.returnUses(t.Context())
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, count := countingService(0)
			store := &gateStore{arrived: make(chan Change, 1), let: make(chan error)}
			s.store = store
			written := make(chan error, 1)
			go func() { written <- write(s, count) }()
			<-store.arrived
			looked := make(chan Usage, 1)
			go func() {
				s.counters.of(UsesRow{KeyID: "another", Number: 1, Rev: 1, Reserved: 7})
				looked <- s.Usage()
			}()
			select {
			case u := <-looked:
				if u.Highest != 7 {
					t.Errorf("it is told of %d uses", u.Highest)
				}
			case <-time.After(time.Minute):
				t.Error("who looks waits for the store")
			}
			store.let <- nil
			if err := <-written; err != nil {
				t.Error(err)
			}
		})
	}
}
