package sqlite_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/keyhold/keyhold/kms"
)

// family is a key as CreateKey makes it: every row that it begins with, and one event.
func family(n int) kms.Change {
	c := keyChange(n, 1)
	id := keyID(n)
	g := kms.GenerationRow{KeyID: id, Number: 1, Rev: 1, State: kms.GenerationReady, MAC: make([]byte, 32)}
	copy(g.Object[:], fmt.Sprintf("%016x", n))
	g.Canary.IV, g.Canary.Ciphertext = make([]byte, 12), make([]byte, 48)
	c.Generations = []kms.GenerationRow{g}
	c.Uses = []kms.UsesRow{{KeyID: id, Number: 1, Rev: 1, Reserved: 1, MAC: make([]byte, 32)}}
	c.Policies = []kms.PolicyRow{{KeyID: id, Rev: 1, Document: string(make([]byte, 600)), MAC: make([]byte, 32)}}
	c.Tags = []kms.TagRow{{KeyID: id, Key: "team", Rev: 1, Value: "payments", MAC: make([]byte, 32)}}
	c.Aliases = []kms.AliasRow{{Account: account, Name: fmt.Sprint("alias/", n), Rev: 1, KeyID: id, MAC: make([]byte, 32)}}
	return c
}

func BenchmarkApplyNewKey(b *testing.B) {
	s := create(b, b.TempDir())
	for n := 0; b.Loop(); n++ {
		if err := s.Apply(context.Background(), family(n)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplyOneRow(b *testing.B) {
	s := create(b, b.TempDir())
	if err := s.Apply(context.Background(), keyChange(0, 1)); err != nil {
		b.Fatal(err)
	}
	for rev := int64(2); b.Loop(); rev++ {
		if err := s.Apply(context.Background(), kms.Change{Keys: keyChange(0, rev).Keys}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkKey(b *testing.B) {
	s := create(b, b.TempDir())
	for n := range 1000 {
		if err := s.Apply(context.Background(), family(n)); err != nil {
			b.Fatal(err)
		}
	}
	for n := 0; b.Loop(); n++ {
		if _, err := s.Key(context.Background(), keyID(n%1000)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen opens a directory of 5,000 keys, every page of which is looked at.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s := create(b, dir)
	for n := range 5000 {
		if err := s.Apply(context.Background(), family(n)); err != nil {
			b.Fatal(err)
		}
	}
	shut(b, s)
	for b.Loop() {
		shut(b, reopen(b, dir))
	}
}
