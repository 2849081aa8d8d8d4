// Package faulttest has the tests of the recovery against a module that fails on command. They are apart from those of
// package hsm because a PKCS #11 library has one instance in a process.
package faulttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/softhsm"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

var ctx = context.Background()

const (
	pin = "test-user-pin"
	// soonEnough is how long after the end of a fault a token may take to be back.
	soonEnough = 5 * time.Second
	// deadline is the CallTimeout of the tests.
	deadline = 500 * time.Millisecond
)

// bench is a token behind the failing module, open, with keys and callers.
type bench struct {
	*faultp11.Control
	tok  *hsm.Token
	keys []device.Key
	mac  device.ObjectID
	sum  []byte // the MAC of message
}

var message = []byte("a row")

var shared struct {
	sync.Once
	dir     string
	control *faultp11.Control
	env     map[string]string
	err     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// control makes the one module of this process.
func control(t *testing.T) (*faultp11.Control, map[string]string) {
	t.Helper()
	shared.Do(func() {
		// The directory outlives this test: it goes with the process, in TestMain.
		dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-faults-")
		if err != nil {
			shared.err = err
			return
		}
		shared.dir = dir
		home, err := softhsm.Prepare(dir)
		if err != nil {
			shared.err = err
			return
		}
		shared.control, shared.err = faultp11.New(dir, home.Module, faultp11.Transparent)
		if shared.err == nil {
			shared.env = home.Env()
			maps.Copy(shared.env, shared.control.Env())
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.control, shared.env
}

var made atomic.Int64

// newToken makes a token of the failing module and returns the configuration of a server for it.
func newToken(t *testing.T) (*faultp11.Control, hsm.Config) {
	t.Helper()
	c, env := control(t)
	label := fmt.Sprintf("fault-%d", made.Add(1))
	err := hsm.InitToken(ctx, hsm.NewToken{Module: c.Module, Env: env, Label: label,
		SOPIN: secret.New([]byte("test-so-pin")), PIN: secret.New([]byte(pin))})
	if err != nil {
		t.Fatal(err)
	}
	return c, hsm.Config{Module: c.Module, Env: env, Label: label, CallTimeout: deadline, Background: true, KeepAlive: deadline,
		Profile: "softhsm2", StuckLimit: 64,
		PIN: func() (secret.Bytes, error) { return secret.New([]byte(pin)), nil }}
}

func open(t *testing.T, c *faultp11.Control, cfg hsm.Config) *bench {
	t.Helper()
	tok, err := hsm.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Control: c, tok: tok}
	t.Cleanup(func() {
		c.Clear()
		if err := tok.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if m := c.Misuse(); m != (faultp11.Misuse{}) {
			t.Errorf("the module was misused: %+v", m)
		}
	})
	for range 3 {
		b.keys = append(b.keys, b.newKey(t))
	}
	b.mac = newID(t)
	if _, err := tok.GenerateKey(ctx, device.KeySpec{ID: b.mac, Label: "rows", Purpose: device.PurposeMAC}); err != nil {
		t.Fatal(err)
	}
	if b.sum, err = tok.MAC(ctx, b.mac, message); err != nil {
		t.Fatal(err)
	}
	tok.Expect(b.mac)
	return b
}

func newID(t *testing.T) device.ObjectID {
	t.Helper()
	id, err := device.NewObjectID(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (b *bench) newKey(t *testing.T) device.Key {
	t.Helper()
	key := device.Key{ID: newID(t)}
	var err error
	if key.Cipher, err = b.tok.GenerateKey(ctx, device.KeySpec{ID: key.ID, Label: "key", Purpose: device.PurposeWrap}); err != nil {
		t.Fatal(err)
	}
	if key.Canary, err = b.tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: device.CanaryAAD(key.ID), Plaintext: []byte("canary")}); err != nil {
		t.Fatal(err)
	}
	return key
}

// request is one use of the token, whose answer is checked.
func (b *bench) request(n int) error {
	key := b.keys[n%len(b.keys)]
	switch n % 5 {
	case 0:
		return b.tok.Random(ctx, make([]byte, 16))
	case 1:
		sum, err := b.tok.MAC(ctx, b.mac, message)
		if err == nil && !bytes.Equal(sum, b.sum) {
			return errors.New("another MAC")
		}
		return err
	case 2:
		has, err := b.tok.HasKey(ctx, key.ID)
		if err == nil && !has {
			return errors.New("a key that is there is said to be missing")
		}
		return err
	default:
		return b.roundTrip(key, fmt.Sprint(n))
	}
}

func (b *bench) roundTrip(key device.Key, text string) error {
	sealed, err := b.tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte(text), Plaintext: []byte(text)})
	if err != nil {
		return err
	}
	got, err := b.tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte(text), Sealed: sealed})
	if err == nil && string(got) != text {
		return errors.New("another text")
	}
	if err != nil {
		return err
	}
	sealed.Ciphertext[0] ^= 1
	if _, err = b.tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte(text), Sealed: sealed}); !errors.Is(err, device.ErrInvalidData) {
		return fmt.Errorf("forged data: %w", err)
	}
	return nil
}

// lives bears a key and destroys it. A birth that failed leaves nothing that DestroyKey does not find.
func (b *bench) lives() error {
	id, err := device.NewObjectID(rand.Reader)
	if err != nil {
		return err
	}
	_, err = b.tok.GenerateKey(ctx, device.KeySpec{ID: id, Label: "short", Purpose: device.PurposeWrap})
	return errors.Join(err, b.tok.DestroyKey(ctx, id))
}

// traffic runs n callers and one that makes keys until end is called. Any answer but the right one, or that the token
// is unavailable or busy, fails the test, and so does one that takes too long.
func (b *bench) traffic(t *testing.T, n int, also ...error) (end func() (served, refused int64)) {
	t.Helper()
	var good, bad atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	caller := func(do func(i int) error, most time.Duration) {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			begin := time.Now()
			err := do(i)
			if took := time.Since(begin); took > most {
				t.Errorf("an answer took %v: %v", took, err)
			}
			switch {
			case err == nil:
				good.Add(1)
			case isOneOf(err, append(also, device.ErrUnavailable, device.ErrBusy)):
				bad.Add(1)
				time.Sleep(time.Millisecond)
			default:
				t.Errorf("a wrong answer: %v", err)
				return
			}
		}
	}
	for g := range n {
		wg.Go(func() { caller(func(i int) error { return b.request(g + i) }, 40*deadline) })
	}
	wg.Go(func() { caller(func(int) error { time.Sleep(5 * time.Millisecond); return b.lives() }, 80*deadline) })
	return func() (int64, int64) {
		close(stop)
		wg.Wait()
		return good.Load(), bad.Load()
	}
}

func isOneOf(err error, classes []error) bool {
	for _, c := range classes {
		if errors.Is(err, c) {
			return true
		}
	}
	return false
}

// mustBeBack fails the test when the token does not serve everything soon enough.
func (b *bench) mustBeBack(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	for {
		err := b.everything()
		if err == nil {
			return time.Since(begin)
		}
		if time.Since(begin) > soonEnough {
			t.Fatalf("not back after %v: %v; %+v", soonEnough, err, b.tok.Status(ctx))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (b *bench) everything() error {
	for i := range 5 * len(b.keys) {
		if err := b.request(i); err != nil {
			return err
		}
	}
	return b.lives()
}
