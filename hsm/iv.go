package hsm

import (
	"bytes"
	"crypto/rand"
	"sync"

	"github.com/keyhold/keyhold/kms/device"
)

const (
	ivSize     = 12 // SP 800-38D 8.2.2 and CloudHSM
	lunaIVSize = 16 // Thales Luna in FIPS mode
)

// slack is room in an output buffer beyond what is expected. A token that follows another IV policy than configured
// writes more; it is better to see that than to get CKR_BUFFER_TOO_SMALL, which leaves the session busy.
const slack = 32

// layout is where an IV policy has the IV go in and come out.
type layout struct {
	passIV bool // a buffer of 12 octets is passed in CK_GCM_PARAMS
	before int  // octets of IV in front of the ciphertext
	after  int  // octets of IV behind the tag
}

var layouts = map[device.IVPolicy]layout{
	device.IVHostRandom:  {passIV: true},
	device.IVWrittenBack: {passIV: true},
	device.IVPrepended:   {before: ivSize},
	device.IVAppended:    {after: lunaIVSize},
}

func layoutOf(p device.IVPolicy) (layout, error) {
	l, ok := layouts[p]
	if !ok {
		return layout{}, unsupported("there is no IV policy %d", int(p))
	}
	return l, nil
}

// sealBuffers is the memory for one encryption. The IV is random where the host makes it, and zero where the token is
// to replace it.
func sealBuffers(p device.IVPolicy, aad, plaintext []byte) (gcmBuffers, error) {
	l, err := layoutOf(p)
	if err != nil {
		return gcmBuffers{}, err
	}
	b := gcmBuffers{aad: aad, in: plaintext, out: make([]byte, l.sealedSize(len(plaintext))+slack)}
	if l.passIV {
		b.iv = make([]byte, ivSize)
	}
	if p == device.IVHostRandom {
		// crypto/rand never fails: it ends the process when the system has no randomness.
		_, _ = rand.Read(b.iv)
	}
	return b, nil
}

func (l layout) sealedSize(plaintext int) int { return l.before + plaintext + device.TagSize + l.after }

// split takes a token's output of n octets apart. given is the IV that was passed, before the call.
func split(p device.IVPolicy, b gcmBuffers, n int, given []byte) (device.Sealed, error) {
	l, err := layoutOf(p)
	if err != nil {
		return device.Sealed{}, err
	}
	if want := l.sealedSize(len(b.in)); n != want {
		return device.Sealed{}, untrusted("AES-GCM of %d octets under IV policy %s gave %d octets instead of %d; "+
			"the token makes its IV or its tag in another way", len(b.in), p, n, want)
	}
	out := b.out[:n:n]
	switch {
	case l.before > 0:
		return device.Sealed{IV: out[:l.before:l.before], Ciphertext: out[l.before:]}, nil
	case l.after > 0:
		return device.Sealed{IV: out[n-l.after:], Ciphertext: out[: n-l.after : n-l.after]}, nil
	}
	if p == device.IVHostRandom && !bytes.Equal(b.iv, given) {
		return device.Sealed{}, untrusted("the token replaced the IV that the host had drawn; check the profile's IV policy with `keyhold hsm probe`")
	}
	return device.Sealed{IV: b.iv, Ciphertext: out}, nil
}

// openBuffers is the memory for one decryption. Ciphertext must have room for a tag and IV the policy's length, else
// device.ErrInvalidData. The output is as long as the input, which SoftHSM wants.
func openBuffers(p device.IVPolicy, aad []byte, s device.Sealed) (gcmBuffers, error) {
	l, err := layoutOf(p)
	if err != nil {
		return gcmBuffers{}, err
	}
	size := max(l.after, ivSize)
	if len(s.IV) != size || len(s.Ciphertext) < device.TagSize {
		return gcmBuffers{}, device.ErrInvalidData
	}
	in := bytes.Clone(s.Ciphertext)
	b := gcmBuffers{aad: aad, in: in, out: make([]byte, len(in)+l.before)}
	if l.before > 0 {
		b.in = append(bytes.Clone(s.IV), in...)
		return b, nil
	}
	b.iv = bytes.Clone(s.IV)
	return b, nil
}

// ivGuard remembers, for IVs that the token makes, the last one of each key. A token that repeats itself, or leaves
// the zeros it was given, would open every message of the key to forgery.
type ivGuard struct {
	mu     sync.Mutex
	last   map[device.ObjectID][]byte
	closed map[device.ObjectID]error
}

func newIVGuard() *ivGuard {
	return &ivGuard{last: map[device.ObjectID][]byte{}, closed: map[device.ObjectID]error{}}
}

// allows is the verdict that closed the key for encryption, or nil.
func (g *ivGuard) allows(id device.ObjectID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed[id]
}

// judge looks at a new IV and closes the key if it is bad.
func (g *ivGuard) judge(id device.ObjectID, p device.IVPolicy, iv []byte) error {
	if p == device.IVHostRandom {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.closed[id]; err != nil {
		return err
	}
	if problem := badIV(iv, g.last[id]); problem != "" {
		g.closed[id] = untrusted("%s; the key %s is closed for encryption", problem, id)
		return g.closed[id]
	}
	g.last[id] = bytes.Clone(iv)
	return nil
}

// badIV says what is wrong with a token's IV, or "".
func badIV(iv, last []byte) string {
	switch {
	case bytes.Equal(iv, make([]byte, len(iv))):
		return "the token left the IV all zero instead of making one"
	case bytes.Equal(iv, last):
		return "the token made the same IV twice in a row"
	default:
		return ""
	}
}

func (g *ivGuard) closedKeys() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.closed)
}
