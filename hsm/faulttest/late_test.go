package faulttest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/softhsm/faultp11"
	"github.com/miekg/pkcs11"
)

// atLast is when a test gives up on what must happen at some time, however busy the machine is.
const atLast = time.Minute

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for begin := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > atLast {
			t.Fatalf("not within %v: %s", atLast, what)
		}
	}
}

// What C_Login answers after it was given up is an answer: a PIN refused then is refused, and one that failed then has
// failed just now.
func TestALoginThatAnswersNobodyIsNotRepeated(t *testing.T) {
	c, cfg := newToken(t)
	b := open(t, c, cfg)
	c.RefuseLogin(pkcs11.CKR_PIN_INCORRECT, 0)
	c.Hang(faultp11.Login, 1)
	before, _ := c.Logins()
	calls := c.Calls(faultp11.Login)
	c.KillSessions()
	eventually(t, "the login is given up", func() bool { return b.tok.Status(ctx).Pool.Lost > 0 })
	c.Release(faultp11.Login)
	eventually(t, "the refusal is known", func() bool { return b.tok.Status(ctx).Health == hsm.LoginRefused })
	time.Sleep(2 * time.Second) // in which the background would try again
	if err := b.request(0); !errors.Is(err, device.ErrLogin) {
		t.Errorf("a request: %v", err)
	}
	if after, _ := c.Logins(); after != before+1 || c.Calls(faultp11.Login) != calls+1 {
		t.Errorf("%d C_Login calls of one fault", c.Calls(faultp11.Login)-calls)
	}
	c.RefuseLogin(0, 0)
	if err := b.tok.Login(ctx); err != nil {
		t.Errorf("Login: %v", err)
	}
	b.mustBeBack(t)
	if n := c.Calls(faultp11.Login) - calls; n != 2 {
		t.Errorf("%d C_Login calls in all", n)
	}
}

// A source of the PIN that takes too long holds a renewal up, which is given up; the PIN is then not shown to the token.
func TestAPINThatComesTooLateIsNotUsed(t *testing.T) {
	c, cfg := newToken(t)
	var asked atomic.Int64
	late := make(chan struct{})
	cfg.PIN = func() (secret.Bytes, error) {
		switch asked.Add(1) {
		case 1:
		case 2:
			<-late
		default:
			return secret.Bytes{}, errors.New("there is no PIN any more")
		}
		return secret.New([]byte(pin)), nil
	}
	b := open(t, c, cfg)
	calls := c.Calls(faultp11.Login)
	c.KillSessions()
	// The renewal is inside the module, as far as anybody knows, which therefore cannot be initialised anew.
	eventually(t, "the renewal is given up", func() bool { return asked.Load() == 2 && b.tok.Status(ctx).Health == hsm.Stuck })
	close(late)
	eventually(t, "it has landed", func() bool { return b.tok.Status(ctx).Pool.Lost == 0 })
	if n := c.Calls(faultp11.Login) - calls; n != 0 {
		t.Errorf("%d C_Login calls for nobody", n)
	}
}

// A birth that its caller has left before C_GenerateKey makes no key.
func TestABirthThatWasLeftMakesNothing(t *testing.T) {
	c, cfg := newToken(t)
	cfg.CallTimeout = time.Minute // nothing is given up, only left
	var watched atomic.Bool
	var sessions atomic.Int64
	leaving, leave := context.WithCancel(ctx)
	defer leave()
	cfg.PoolWait = func(time.Duration) {
		// The first session is for the question whether the id is free, the second for the birth.
		if watched.Load() && sessions.Add(1) == 2 {
			c.Hang(faultp11.FindObjectsInit, 1)
			go func() {
				if err := c.AwaitHung(ctx, 1); err != nil {
					t.Error(err)
				}
				leave()
			}()
		}
	}
	b := open(t, c, cfg)
	born := c.Calls(faultp11.GenerateKey)
	watched.Store(true)
	id := newID(t)
	_, err := b.tok.GenerateKey(leaving, device.KeySpec{ID: id, Label: "left", Purpose: device.PurposeWrap})
	watched.Store(false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	c.Release(faultp11.FindObjectsInit)
	// The next change of the objects waits for the end of that one.
	if err := b.tok.DestroyKey(ctx, newID(t)); err != nil {
		t.Error(err)
	}
	if n := c.Calls(faultp11.GenerateKey) - born; n != 0 {
		t.Errorf("%d keys were made for nobody", n)
	}
	if has, err := b.tok.HasKey(ctx, id); has || err != nil {
		t.Errorf("%t, %v", has, err)
	}
}

// A request that outlives Close gives its session back to nobody; it is closed all the same, since another token may keep
// the module, and with the session the login, alive.
func TestARequestThatOutlivesCloseLeavesNoSession(t *testing.T) {
	c, others := newToken(t)
	open(t, c, others)
	sessions := c.Sessions()
	_, cfg := newToken(t)
	b := open(t, c, cfg)
	key, aad := b.keys[0], []byte("a")
	sealed, err := b.tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: aad, Plaintext: message})
	if err != nil {
		t.Fatal(err)
	}
	c.Hang(faultp11.DecryptInit, 1)
	ended := make(chan error)
	go func() {
		_, err := b.tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: aad, Sealed: sealed})
		ended <- err
	}()
	if err := c.AwaitHung(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := b.tok.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	c.Release(faultp11.DecryptInit)
	if err := <-ended; err != nil {
		t.Logf("the request: %v", err) // on a slow machine it was given up
	}
	eventually(t, "every session of the closed token is closed", func() bool { return c.Sessions() == sessions })
}
