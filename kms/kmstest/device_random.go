package kmstest

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/keyhold/keyhold/kms"
)

func testRandomFills(t *testing.T, d kms.Device) {
	const margin = 16 // catches a device that writes rounded-up lengths past the caller's slice
	for _, n := range []int{0, 1, 31, 32, 1024} {
		buffer := make([]byte, margin+n+margin)
		p := buffer[margin : margin+n]
		must(t, fmt.Sprintf("random of %d octets", n), d.Random(t.Context(), p))
		for i, b := range buffer {
			if inside := i >= margin && i < margin+n; !inside && b != 0 {
				t.Fatalf("random of %d octets wrote at %d, outside of them", n, i-margin)
			}
		}
		// Sixteen zero octets in a row come once in 2^118 runs of this test.
		if n >= 31 && bytes.Contains(p, make([]byte, 16)) {
			t.Fatalf("random of %d octets left a run of zeros: %x", n, p)
		}
	}
	must(t, "random of nil", d.Random(t.Context(), nil))
}

func testRandomDiffers(t *testing.T, d kms.Device) {
	seen := map[[32]byte]bool{}
	for range 100 {
		var p [32]byte
		must(t, "random", d.Random(t.Context(), p[:]))
		if seen[p] {
			t.Fatalf("random answered %x twice", p)
		}
		seen[p] = true
	}
}
