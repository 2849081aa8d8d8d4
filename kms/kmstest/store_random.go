package kmstest

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// dice draws the columns of rows, often from the ends of their ranges.
type dice struct{ *rand.Rand }

var storeTexts = []string{
	"", " ", "a", "NULL", "0", "1e3", "it's", `"quoted"`, "'; DROP TABLE keys; --", "?1", "%_\\", "line\nline\ttab",
	"Grüße, Österreich", "e\u0301 is not \u00e9", "日本語", "🔑🗝️", "\u202eright to left", "\U0010ffff", strings.Repeat("x", 32<<10),
	strings.Repeat("ж", 8<<10),
}

func (d dice) text() string { return storeTexts[d.IntN(len(storeTexts))] }

func (d dice) int64() int64 {
	ends := []int64{0, 1, -1, math.MaxInt32, math.MaxInt64, math.MinInt64}
	if i := d.IntN(2 * len(ends)); i < len(ends) {
		return ends[i]
	}
	return int64(d.Uint64())
}

func (d dice) count() int { return int(d.int64() & math.MaxInt64) }

func (d dice) octets() []byte {
	sizes := []int{0, 1, 12, 32, 5000}
	b := make([]byte, sizes[d.IntN(len(sizes))])
	for i := range b {
		b[i] = byte(d.Uint32())
	}
	if len(b) == 0 && d.IntN(2) == 0 {
		return nil
	}
	return b
}

func (d dice) object() (id device.ObjectID) {
	for i := range id {
		id[i] = byte(d.Uint32())
	}
	return id
}

func (s shelf) dice() dice {
	seed := rand.Uint64()
	s.t.Logf("seed %d", seed)
	return dice{rand.New(rand.NewPCG(seed, 0))}
}

func pick[T ~string](d dice, set keyspec.Set[T]) T { return set.Values()[d.IntN(len(set.Values()))] }

func (d dice) account() kms.AccountID {
	return []kms.AccountID{storeAccount, storeOtherAccount}[d.IntN(2)]
}

func (d dice) key(n int, rev int64) kms.KeyRow {
	return kms.KeyRow{
		ID: storeKeyID(n), Account: d.account(), Rev: rev, State: pick(d, keyspec.KeyStates),
		Spec: pick(d, keyspec.KeySpecs), Usage: pick(d, keyspec.KeyUsages), Origin: pick(d, keyspec.Origins),
		Manager: pick(d, keyspec.KeyManagers), Description: d.text(), Current: d.Uint32(),
		CreatedAt: kms.Micros(d.int64()), DeletionAt: kms.Micros(d.int64()), WindowDays: d.count(),
		RotationPeriodDays: d.count(), RotationBase: kms.Micros(d.int64()), OnDemandRotations: d.count(), TagCount: d.count(),
		PolicyRev: d.int64(), MAC: d.octets(),
	}
}

func (d dice) generation(n int, number uint32, rev int64) kms.GenerationRow {
	states := []kms.GenerationState{
		kms.GenerationReady, kms.GenerationDecryptOnly, kms.GenerationDestroying, kms.GenerationDestroyed,
	}
	rotations := append(keyspec.RotationTypes.Values(), "")
	return kms.GenerationRow{
		KeyID: storeKeyID(n), Number: number, Rev: rev, State: states[d.IntN(len(states))], Object: d.object(),
		Token: d.text(), Cipher: device.Cipher{Mechanism: uint64(d.int64()), IV: device.IVPolicy(1 + d.IntN(4))},
		MaterialID: d.text(), RotationType: rotations[d.IntN(len(rotations))], CreatedAt: kms.Micros(d.int64()),
		Canary: device.Sealed{IV: d.octets(), Ciphertext: d.octets()}, MAC: d.octets(),
	}
}

// family draws everything of one key at a revision. What identifies the rows depends on n alone.
func (d dice) family(n int, rev int64) kms.Change {
	c := kms.Change{
		Keys:     []kms.KeyRow{d.key(n, rev)},
		Policies: []kms.PolicyRow{{KeyID: storeKeyID(n), Rev: rev, Document: d.text(), Bound: kms.Bindings(d.text()), MAC: d.octets()}},
	}
	for _, number := range []uint32{1, 2, uint32(100 + n), math.MaxUint32} {
		c.Generations = append(c.Generations, d.generation(n, number, rev))
		c.Uses = append(c.Uses, kms.UsesRow{
			KeyID: storeKeyID(n), Number: number, Rev: rev, Reserved: uint64(d.int64()), MAC: d.octets(),
		})
	}
	for i := range int64(3) {
		c.Tags = append(c.Tags, kms.TagRow{
			KeyID: storeKeyID(n), Key: storeTexts[(3*n+int(i))%len(storeTexts)], Rev: rev, Value: d.text(),
			Position: math.MaxInt64 - 3 + i, MAC: d.octets(),
		})
	}
	c.Aliases = []kms.AliasRow{{
		Account: storeAccount, Name: storeAlias(n) + storeTexts[n%len(storeTexts)], Rev: rev, KeyID: storeKeyID(n),
		CreatedAt: kms.Micros(d.int64()), UpdatedAt: kms.Micros(d.int64()), MAC: d.octets(),
	}}
	return c
}

// testStoreRandomRows makes keys with any content, replaces every row of them with another, and makes births and
// events; each time all of it must come back.
func testStoreRandomRows(s shelf) {
	d := s.dice()
	for rev := range int64(3) {
		for n := range 40 {
			c := d.family(n, rev+1)
			c.Events = []kms.EventRow{{ID: string(c.Keys[0].ID) + d.text(), Record: d.octets()}}
			s.apply(c)
			s.wantFamily(c)
			s.must("drain", s.Drained(s.ctx(), []string{c.Events[0].ID}))
		}
	}
	for range 40 {
		b := kms.BirthRow{
			Object: d.object(), KeyID: storeKeyID(1), Number: d.Uint32(), Token: d.text(),
			StartedAt: kms.Micros(d.int64()), MAC: d.octets(),
		}
		s.must("put a birth", s.PutBirth(s.ctx(), b))
		births, err := s.Births(s.ctx())
		s.must("list births", err)
		s.equal("births", births, []kms.BirthRow{b})
		s.must("close a birth", s.CloseBirth(s.ctx(), b.Object))
	}
}

func (s shelf) wantFamily(c kms.Change) {
	s.t.Helper()
	record, err := s.Key(s.ctx(), c.Keys[0].ID)
	s.must("read a key", err)
	s.equal("record", record, storeRecord(c))
	alias, err := s.Alias(s.ctx(), c.Aliases[0].Account, c.Aliases[0].Name)
	s.must("read an alias", err)
	s.equal("alias", alias, c.Aliases[0])
	events, err := s.Outbox(s.ctx(), 10)
	s.must("list the outbox", err)
	s.equal("outbox", events, c.Events)
}
