package hsm

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/device"
)

// fakeGCM lays out its output as a token of the policy does: IV made of 0xA5, ciphertext of 0xC1, tag of 0x7A.
func fakeGCM(p device.IVPolicy, b gcmBuffers) int {
	iv := func(n int) []byte { return bytes.Repeat([]byte{0xA5}, n) }
	out := append(bytes.Repeat([]byte{0xC1}, len(b.in)), bytes.Repeat([]byte{0x7A}, 16)...)
	switch p {
	case device.IVWrittenBack:
		copy(b.iv, iv(12))
	case device.IVPrepended:
		out = append(iv(12), out...)
	case device.IVAppended:
		out = append(out, iv(16)...)
	}
	return copy(b.out, out)
}

func TestEachIVPolicyIsTakenApartAndPutTogether(t *testing.T) {
	for policy, ivLen := range map[device.IVPolicy]int{
		device.IVHostRandom: 12, device.IVWrittenBack: 12, device.IVPrepended: 12, device.IVAppended: 16,
	} {
		for _, size := range []int{0, 1, 32} {
			b, err := sealBuffers(policy, []byte("aad"), make([]byte, size))
			if err != nil {
				t.Fatal(err)
			}
			given := bytes.Clone(b.iv)
			sealed, err := split(policy, b, fakeGCM(policy, b), given)
			if err != nil {
				t.Fatalf("%s: %v", policy, err)
			}
			want := append(bytes.Repeat([]byte{0xC1}, size), bytes.Repeat([]byte{0x7A}, 16)...)
			if len(sealed.IV) != ivLen || !bytes.Equal(sealed.Ciphertext, want) {
				t.Errorf("%s: IV %x, ciphertext %x", policy, sealed.IV, sealed.Ciphertext)
			}
			if policy != device.IVHostRandom && sealed.IV[0] != 0xA5 {
				t.Errorf("%s: IV %x is not the token's", policy, sealed.IV)
			}
			checkOpenBuffers(t, policy, sealed)
		}
	}
}

func checkOpenBuffers(t *testing.T, policy device.IVPolicy, sealed device.Sealed) {
	t.Helper()
	b, err := openBuffers(policy, []byte("aad"), sealed)
	if err != nil {
		t.Fatal(err)
	}
	if policy == device.IVPrepended {
		if b.iv != nil || !bytes.Equal(b.in, append(bytes.Clone(sealed.IV), sealed.Ciphertext...)) {
			t.Errorf("%s: iv %x in %x", policy, b.iv, b.in)
		}
		return
	}
	if !bytes.Equal(b.iv, sealed.IV) || !bytes.Equal(b.in, sealed.Ciphertext) {
		t.Errorf("%s: iv %x in %x", policy, b.iv, b.in)
	}
}

func TestAnIVTheTokenReplacedIsNoticed(t *testing.T) {
	b, err := sealBuffers(device.IVHostRandom, []byte("aad"), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	given := bytes.Clone(b.iv)
	n := fakeGCM(device.IVWrittenBack, b)
	if _, err := split(device.IVHostRandom, b, n, given); !errors.Is(err, device.ErrUntrusted) {
		t.Errorf("got %v, want ErrUntrusted", err)
	}
}

func TestALengthThatDoesNotFitThePolicyIsNoticed(t *testing.T) {
	for as, token := range map[device.IVPolicy]device.IVPolicy{
		device.IVHostRandom: device.IVAppended, device.IVAppended: device.IVHostRandom, device.IVPrepended: device.IVAppended,
	} {
		b, err := sealBuffers(as, []byte("aad"), []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		n := fakeGCM(token, b)
		if _, err := split(as, b, n, b.iv); !errors.Is(err, device.ErrUntrusted) {
			t.Errorf("%s taken for %s: got %v", token, as, err)
		}
	}
}

func TestABadIVClosesItsKeyOnly(t *testing.T) {
	a, b := device.ObjectID{1}, device.ObjectID{2}
	iv := bytes.Repeat([]byte{9}, 12)
	for name, bad := range map[string][]byte{"all zero": make([]byte, 12), "same IV twice": iv} {
		g := newIVGuard()
		if err := g.judge(a, device.IVWrittenBack, iv); err != nil {
			t.Fatal(err)
		}
		err := g.judge(a, device.IVWrittenBack, bad)
		if !errors.Is(err, device.ErrUntrusted) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
		if g.allows(a) == nil || g.judge(a, device.IVWrittenBack, []byte("another IV..")) == nil {
			t.Errorf("%s: the key is not closed", name)
		}
		if err := g.allows(b); err != nil {
			t.Errorf("%s: another key is closed: %v", name, err)
		}
		if err := g.judge(b, device.IVWrittenBack, iv); err != nil {
			t.Errorf("%s: another key may not have the IV: %v", name, err)
		}
		if g.closedKeys() != 1 {
			t.Errorf("%s: %d keys are closed", name, g.closedKeys())
		}
	}
}

func TestUlongsReadBack(t *testing.T) {
	for _, want := range []uint{0, 1, 0x1087, 1 << 31} {
		if got, ok := ulong(ulongs(want)); !ok || got != want {
			t.Errorf("%d became %d", want, got)
		}
	}
	if _, ok := ulong([]byte{1}); ok {
		t.Error("one octet was read as a number")
	}
}
