package kms

import (
	"encoding/binary"
	"testing"
)

func TestWhatIsAskedForInTimeStaysProvenAndTheRestIsForgotten(t *testing.T) {
	var p proven
	number := func(n int) (proof [32]byte) {
		binary.BigEndian.PutUint32(proof[:], uint32(n))
		return proof
	}
	p.add(number(0))
	for n := 1; n <= 4*provenLimit; n++ {
		p.add(number(n))
		if n%(provenLimit/2) == 0 && !p.has(number(0)) {
			t.Fatalf("after %d others it is forgotten, though it was asked for in time", n)
		}
		if have := len(p.recent) + len(p.older); have > 2*provenLimit {
			t.Fatalf("%d are remembered", have)
		}
	}
	if p.has(number(1)) || !p.has(number(4*provenLimit)) {
		t.Error("the first is remembered, or the last forgotten")
	}
}
