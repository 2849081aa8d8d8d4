package hsm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
)

// soonEnough is how long after the end of a fault a token may take to be back.
const soonEnough = 5 * time.Second

// background is a server's configuration.
func background(token hsmtest.Token) hsm.Config {
	cfg := token.Config()
	cfg.Background, cfg.Preload = true, true
	return cfg
}

// newTokenDir makes a token and tells the directory that SoftHSM keeps it in.
func newTokenDir(t *testing.T) (hsmtest.Token, string) {
	t.Helper()
	first := hsmtest.New(t) // the home exists from here on
	before := tokenDirs(t, first.Dir)
	token := hsmtest.New(t)
	for _, dir := range tokenDirs(t, token.Dir) {
		if !slices.Contains(before, dir) {
			return token, dir
		}
	}
	t.Fatal("the token has no directory")
	return token, ""
}

// takeAway moves a token's directory, or an object's file, out of SoftHSM's sight; what it returns moves it back.
func takeAway(t *testing.T, token hsmtest.Token, dir string) (bringBack func()) {
	t.Helper()
	away := filepath.Join(token.Dir, "away-"+filepath.Base(dir))
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	bringBack = sync.OnceFunc(func() {
		if err := os.Rename(away, dir); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(bringBack)
	return bringBack
}

func health(tok *hsm.Token) hsm.Health { return tok.Status(ctx).Health }

// awaitServing fails the test when the token is not back soon enough.
func awaitServing(t *testing.T, tok *hsm.Token) time.Duration {
	t.Helper()
	begin := time.Now()
	for !health(tok).Serves() {
		if time.Since(begin) > soonEnough {
			t.Fatalf("the token is not back after %v: %+v", soonEnough, tok.Status(ctx))
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begin)
}

// refusedAtOnce wants ErrUnavailable, and nobody to wait for it: of many answers most come at once, even where a busy
// machine holds up some.
func refusedAtOnce(t *testing.T, do func() error) {
	t.Helper()
	took := make([]time.Duration, 21)
	for i := range took {
		begin := time.Now()
		if err := do(); !errors.Is(err, device.ErrUnavailable) {
			t.Fatalf("got %v, want ErrUnavailable", err)
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	if median := took[len(took)/2]; median > 50*time.Millisecond {
		t.Errorf("a refusal takes %v", median)
	}
}

// traffic has n goroutines seal and open until the function that it returns is called, which tells how many requests
// were served and refused. Any other answer than the right one or ErrUnavailable fails the test.
func traffic(t *testing.T, tok *hsm.Token, keys []device.Key, n int) (end func() (served, refused int64)) {
	t.Helper()
	var good, bad, slowest atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for g := range n {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				begin := time.Now()
				err := roundTrip(tok, keys[(g+i)%len(keys)], fmt.Sprintf("%d/%d", g, i))
				for took := int64(time.Since(begin)); took > slowest.Load(); {
					slowest.Store(took)
				}
				switch {
				case err == nil:
					good.Add(1)
				case errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrBusy):
					if bad.Add(1) == 1 {
						t.Logf("the first refusal: %v", err)
					}
					time.Sleep(time.Millisecond)
				default:
					t.Errorf("a request was answered with %v", err)
					return
				}
			}
		})
	}
	return func() (int64, int64) {
		close(stop)
		wg.Wait()
		t.Logf("%d served, %d refused, the slowest took %v", good.Load(), bad.Load(), time.Duration(slowest.Load()))
		return good.Load(), bad.Load()
	}
}

func newKeys(t *testing.T, tok *hsm.Token, n int) []device.Key {
	t.Helper()
	keys := make([]device.Key, n)
	for i := range keys {
		keys[i] = newKey(t, tok)
	}
	return keys
}

func TestATokenThatWasAwayComesBackByItself(t *testing.T) {
	token, dir := newTokenDir(t)
	tok := hsmtest.Open(t, background(token))
	keys := newKeys(t, tok, 100)
	end := traffic(t, tok, keys, 16)
	bringBack := takeAway(t, token, dir)
	eventually(t, func() bool { return health(tok) == hsm.Down })
	st := tok.Status(ctx)
	if st.Reason == "" || st.Since.IsZero() || st.NextAttempt.IsZero() || st.LastProof.OK {
		t.Errorf("status %+v", st)
	}
	refusedAtOnce(t, func() error { _, err := tok.HasKey(ctx, keys[0].ID); return err })
	time.Sleep(time.Second)
	bringBack()
	t.Logf("back after %v", awaitServing(t, tok))
	time.Sleep(100 * time.Millisecond)
	served, refused := end()
	if served == 0 || refused == 0 {
		t.Error("the traffic did not meet the fault and its end")
	}
	if st := tok.Status(ctx); st.Logins != 2 || st.Reinitialisations == 0 || st.Lost != 0 {
		t.Errorf("status %+v", st)
	}
	eventually(t, func() bool { return tok.Status(ctx).Handles == len(keys) })
}

func TestWithoutABackgroundARequestBringsTheTokenBack(t *testing.T) {
	token, dir := newTokenDir(t)
	tok := token.Open(t)
	key := newKey(t, tok)
	bringBack := takeAway(t, token, dir)
	if err := roundTrip(tok, key, "away"); !errors.Is(err, device.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	before := tok.Status(ctx)
	bringBack()
	time.Sleep(time.Until(before.NextAttempt) + 10*time.Millisecond)
	together(t, 16, func(int) error { return roundTrip(tok, key, "back") })
	if st := tok.Status(ctx); st.Logins != 2 || st.Health != hsm.Healthy {
		t.Errorf("status %+v", st)
	}
}

func TestALogoutWhileNobodyCallsHeals(t *testing.T) {
	token := hsmtest.New(t)
	cfg := background(token)
	cfg.KeepAlive = 50 * time.Millisecond
	tok := hsmtest.Open(t, cfg)
	newKeys(t, tok, 3)
	r := newRaw(t, token)
	proved := tok.Status(ctx).LastProof
	r.must(r.p.Logout(r.s))
	eventually(t, func() bool {
		info, err := r.p.GetSessionInfo(r.s)
		r.must(err)
		return info.State == 3
	})
	eventually(t, func() bool { st := tok.Status(ctx); return st.Logins == 2 && st.Epoch == 2 && st.Handles == 3 })
	if st := tok.Status(ctx); !st.LastProof.OK || !st.LastProof.At.After(proved.At) {
		t.Errorf("last proof %+v, after %+v", st.LastProof, proved)
	}
}

func TestSessionsThatRestAreKeptAlive(t *testing.T) {
	token := hsmtest.New(t)
	cfg := background(token)
	cfg.KeepAlive = 20 * time.Millisecond
	tok := hsmtest.Open(t, cfg)
	key := newKey(t, tok)
	fillPool(t, tok, key)
	rest := func() (idle, most int) {
		p := tok.Status(ctx).Pool
		if p.InUse > 0 { // by the proofs of life
			return -1, p.Limit
		}
		return p.Idle, p.Limit
	}
	eventually(t, func() bool { idle, most := rest(); return idle == most })
	r := newRaw(t, token)
	for s := range r.s { // session handles are small numbers; all but ours and that of this test
		if s > 0 && s%2 == 0 {
			_ = r.p.CloseSession(s)
		}
	}
	eventually(t, func() bool { return tok.Status(ctx).Discarded > 0 })
	if err := roundTrip(tok, key, "after some were closed"); err != nil {
		t.Error(err)
	}
	eventually(t, func() bool { idle, most := rest(); return idle >= 0 && idle < most })
}

func TestOneTokenGoneLeavesTheOtherAlone(t *testing.T) {
	for name, goneFirst := range map[string]bool{"the first goes": true, "the second goes": false} {
		t.Run(name, func(t *testing.T) {
			tokenA, dirA := newTokenDir(t)
			tokenB, dirB := newTokenDir(t)
			cfgA, cfgB := background(tokenA), background(tokenB)
			gone, stays, dir := hsmtest.Open(t, cfgA), hsmtest.Open(t, cfgB), dirA
			if !goneFirst {
				gone, stays, dir = stays, gone, dirB
			}
			newKeys(t, gone, 1)
			end := traffic(t, stays, newKeys(t, stays, 3), 16)
			bringBack := takeAway(t, tokenA, dir)
			eventually(t, func() bool { return health(gone) == hsm.Recovering || health(gone) == hsm.Down })
			eventually(t, func() bool { return health(gone) == hsm.Down })
			time.Sleep(500 * time.Millisecond)
			bringBack()
			time.Sleep(500 * time.Millisecond)
			if _, refused := end(); refused != 0 {
				t.Errorf("%d requests to the other token were refused", refused)
			}
			st, other := gone.Status(ctx), stays.Status(ctx)
			if st.Reinitialisations != 0 || other.Logins != 1 || !strings.Contains(st.Reason, other.Token) {
				t.Errorf("gone %+v, other %+v", st, other)
			}
			if err := gone.Reinitialise(ctx); err != nil {
				t.Fatalf("on the operator's word: %v", err)
			}
			awaitServing(t, stays)
			if a, b := gone.Status(ctx), stays.Status(ctx); a.Logins != 2 || b.Logins != 2 || a.Health != hsm.Healthy {
				t.Errorf("after the operator: %+v, %+v", a, b)
			}
		})
	}
}

func TestTwoTokensGoneComeBackTogether(t *testing.T) {
	tokenA, dirA := newTokenDir(t)
	tokenB, dirB := newTokenDir(t)
	a, b := hsmtest.Open(t, background(tokenA)), hsmtest.Open(t, background(tokenB))
	endA, endB := traffic(t, a, newKeys(t, a, 3), 8), traffic(t, b, newKeys(t, b, 3), 8)
	backA, backB := takeAway(t, tokenA, dirA), takeAway(t, tokenB, dirB)
	// If the first were found before the second is back, it would be alive, and the module not initialised anew for the
	// second. So nobody must be about to look.
	rests := func(tok *hsm.Token) bool {
		st := tok.Status(ctx)
		return st.Health == hsm.Down && time.Until(st.NextAttempt) > 500*time.Millisecond
	}
	eventually(t, func() bool { return rests(a) && rests(b) })
	backA()
	backB()
	awaitServing(t, a)
	awaitServing(t, b)
	endA()
	endB()
	if sa, sb := a.Status(ctx), b.Status(ctx); sa.Logins > 3 || sb.Logins > 3 {
		t.Errorf("%+v, %+v", sa, sb)
	}
}

// changePIN changes the token's PIN behind the back of whoever has it open.
func changePIN(t *testing.T, token hsmtest.Token, from, to string) {
	t.Helper()
	r := newRaw(t, token)
	defer func() { r.must(r.p.CloseSession(r.s)) }()
	r.must(r.p.SetPIN(r.s, from, to))
}

func TestAPINChangedBehindOurBackIsTriedOnce(t *testing.T) {
	const changed = "another-pin"
	token := hsmtest.New(t)
	cfg := background(token)
	var pin atomic.Value
	pin.Store(hsmtest.PIN)
	cfg.PIN = func() (secret.Bytes, error) { return secret.New([]byte(pin.Load().(string))), nil }
	tok := hsmtest.Open(t, cfg)
	key := newKey(t, tok)
	changePIN(t, token, hsmtest.PIN, changed)
	r := newRaw(t, token)
	r.must(r.p.Logout(r.s))
	together(t, 16, func(int) error {
		for range 20 {
			if err := roundTrip(tok, key, "x"); !errors.Is(err, device.ErrLogin) {
				return fmt.Errorf("got %w, want ErrLogin", err)
			}
		}
		return nil
	})
	time.Sleep(time.Second)
	if err := tok.Reinitialise(ctx); !errors.Is(err, device.ErrLogin) {
		t.Errorf("Reinitialise: %v", err)
	}
	if st := tok.Status(ctx); st.Logins != 2 || st.Health != hsm.LoginRefused || !st.NextAttempt.IsZero() {
		t.Errorf("status %+v", st)
	}
	if err := tok.Login(ctx); !errors.Is(err, device.ErrLogin) {
		t.Errorf("Login with the old PIN: %v", err)
	}
	pin.Store(changed)
	time.Sleep(100 * time.Millisecond)
	if st := tok.Status(ctx); st.Logins != 3 {
		t.Errorf("status %+v", st)
	}
	if err := tok.Login(ctx); err != nil {
		t.Errorf("Login with the new PIN: %v", err)
	}
	if err := errors.Join(tok.Login(ctx), roundTrip(tok, key, "in again")); err != nil {
		t.Error(err)
	}
	if st := tok.Status(ctx); st.Logins != 4 || st.Health != hsm.Healthy {
		t.Errorf("status %+v", st)
	}
}

func TestOnAnOperatorsWordTheModuleBeginsAnewUnderTraffic(t *testing.T) {
	token := hsmtest.New(t)
	tok := hsmtest.Open(t, background(token))
	end := traffic(t, tok, newKeys(t, tok, 10), 16)
	for range 20 {
		if err := tok.Reinitialise(ctx); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, refused := end(); refused != 0 {
		t.Errorf("%d requests were refused", refused)
	}
	if st := tok.Status(ctx); st.Reinitialisations != 20 || st.Logins != 21 || st.Lost != 0 {
		t.Errorf("status %+v", st)
	}
}

func TestOneHungCallDoesNotEatThePool(t *testing.T) {
	token := hsmtest.New(t)
	var stuck atomic.Int64
	cfg := background(token)
	cfg.Sessions, cfg.CallTimeout, cfg.StuckLimit = 2, hangTimeout, 16
	cfg.OnStuck = func(error) { stuck.Add(1) }
	tok := hsmtest.Open(t, cfg)
	keys := newKeys(t, tok, 3)
	release := hangToken(t, token)
	end := traffic(t, tok, keys, 16)
	eventually(t, func() bool { st := tok.Status(ctx); return st.Health == hsm.Stuck || st.Health == hsm.Down })
	refusedAtOnce(t, func() error { return roundTrip(tok, keys[0], "x") })
	if err := tok.Reinitialise(ctx); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("Reinitialise under a call: %v", err)
	}
	time.Sleep(2 * time.Second)
	if st := tok.Status(ctx); st.Pool.Lost > 8 || stuck.Load() != 0 {
		t.Errorf("%d calls are lost, OnStuck was called %d times", st.Pool.Lost, stuck.Load())
	}
	release()
	t.Logf("back after %v", awaitServing(t, tok))
	end()
	eventually(t, func() bool { return tok.Status(ctx).Pool.Lost == 0 }) // the last of them may still be landing
	// The session that holds the login may be among those given up: then the fault costs its one C_Login.
	if st := tok.Status(ctx); st.Logins > 2 || st.Reinitialisations != 0 {
		t.Errorf("status %+v", st)
	}
	if err := tok.Reinitialise(ctx); err != nil {
		t.Error(err)
	}
}

func TestTooManyHungCallsAreToldOnce(t *testing.T) {
	token := hsmtest.New(t)
	var told atomic.Int64
	cfg := token.Config() // in the foreground nothing else is tried
	cfg.Sessions, cfg.CallTimeout, cfg.StuckLimit = 2, hangTimeout, 6
	cfg.OnStuck = func(error) { told.Add(1) }
	tok := hsmtest.Open(t, cfg)
	key := newKey(t, tok)
	release := hangToken(t, token)
	for range 20 {
		if err := roundTrip(tok, key, "x"); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	st := tok.Status(ctx)
	if st.Health != hsm.Stuck || st.Pool.Lost != 6 || told.Load() != 1 {
		t.Errorf("told %d times; status %+v", told.Load(), st)
	}
	release()
	eventually(t, func() bool { return roundTrip(tok, key, "back") == nil })
}

func TestAnObjectThatMustBeThereTellsAnEmptyStoreFromAMissingKey(t *testing.T) {
	token := hsmtest.New(t)
	tok := hsmtest.Open(t, background(token))
	anchor, key := newMAC(t, tok), newKey(t, tok)
	tok.Expect(anchor)
	files := token.ObjectFiles(t)
	wantHas(t, tok, newID(t), false)

	var kept []func()
	for _, path := range files {
		kept = append(kept, takeAway(t, token, path))
	}
	has, err := tok.HasKey(ctx, newID(t))
	if has || !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("a store without its objects says %t, %v", has, err)
	}
	eventually(t, func() bool { return health(tok) == hsm.Down })
	for _, bringBack := range kept {
		bringBack()
	}
	awaitServing(t, tok)
	if err := roundTrip(tok, key, "back"); err != nil {
		t.Error(err)
	}
	if err := tok.DestroyKey(ctx, anchor); err != nil {
		t.Error(err)
	}
	if st := tok.Status(ctx); st.Health != hsm.Healthy {
		t.Errorf("after the object was destroyed on our own word: %+v", st)
	}
}

func TestATokenChosenBySlotMustHaveTheSameSerial(t *testing.T) {
	tokenA, dirA := newTokenDir(t)
	probe, err := hsm.Probe(ctx, tokenA.Config())
	if err != nil {
		t.Fatal(err)
	}
	cfg := background(tokenA)
	cfg.Label, cfg.Slot = "", &probe.Token.Slot
	tok := hsmtest.Open(t, cfg)
	key := newKey(t, tok)
	bringBack := takeAway(t, tokenA, dirA)
	eventually(t, func() bool { return health(tok) == hsm.Down })
	bringBack()
	awaitServing(t, tok)
	if err := roundTrip(tok, key, "the same slot again"); err != nil {
		t.Error(err)
	}
}

func TestCloseInTheMiddleOfARecovery(t *testing.T) {
	token, dir := newTokenDir(t)
	cfg := background(token)
	cfg.CallTimeout = 10 * time.Second // that long it would take to wait for a call
	before := runtime.NumGoroutine()
	for i := range 20 {
		tok, err := hsm.Open(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		key := newKey(t, tok)
		end := traffic(t, tok, []device.Key{key}, 4)
		bringBack := takeAway(t, token, dir)
		time.Sleep(time.Duration(i) * 2 * time.Millisecond)
		begin := time.Now()
		if err := tok.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if took := time.Since(begin); took > cfg.CallTimeout/2 {
			t.Errorf("Close took %v", took)
		}
		end()
		bringBack()
	}
	eventually(t, func() bool { return runtime.NumGoroutine() <= before })
}

func TestARequestInARecoveryEndsWithItsContext(t *testing.T) {
	token := hsmtest.New(t)
	cfg := background(token)
	cfg.CallTimeout = 10 * time.Second // that long the call hangs, if not for the context
	tok := hsmtest.Open(t, cfg)
	key := newKey(t, tok)
	release := hangToken(t, token)
	begin := time.Now()
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err := tok.Encrypt(short, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x")})
	if took := time.Since(begin); err == nil || took > cfg.CallTimeout/2 {
		t.Errorf("%v after %v", err, took)
	}
	release()
	awaitServing(t, tok)
	plain := []byte("right")
	sealed := seal(t, tok, key, "a", plain)
	got, err := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("a"), Sealed: sealed})
	if err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%q, %v", got, err)
	}
}
