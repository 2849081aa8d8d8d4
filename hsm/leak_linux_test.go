//go:build !race

// Under the race detector the resident set is mostly its own shadow memory, which grows with every goroutine.

package hsm_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
)

// miekg/pkcs11 leaks its output buffer, 150 octets and more, at every failed C_Decrypt: these would be 30 MB.
func TestRefusedDataLeaksNothing(t *testing.T) {
	const calls, tolerance = 200_000, 6 << 20
	tok := hsmtest.New(t).Open(t)
	key := newKey(t, tok)
	sealed := seal(t, tok, key, "a", []byte("a data key of thirty-two octets!"))
	refuse := func(n int) {
		together(t, 4, func(int) error {
			for range n / 4 {
				if _, err := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("b"), Sealed: sealed}); !errors.Is(err, device.ErrInvalidData) {
					return err
				}
			}
			return nil
		})
	}
	refuse(calls / 10) // so that pools and arenas have their size
	before := residentOctets(t)
	refuse(calls)
	after := residentOctets(t)
	t.Logf("resident before %d KiB, after %d refused decryptions %d KiB", before>>10, calls, after>>10)
	if after > before+tolerance {
		t.Errorf("%d octets were leaked", after-before)
	}
}

// residentOctets reads the resident set from /proc/self/statm (proc(5)) after giving back what Go does not use.
func residentOctets(tb testing.TB) int {
	tb.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		tb.Fatal(err)
	}
	return resident * os.Getpagesize()
}
