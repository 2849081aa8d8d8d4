package hsm_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
)

// lockEnv makes the test binary the other process that holds SoftHSM's lock.
const lockEnv = "KEYHOLD_TEST_LOCK_TOKENS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(lockEnv); dir != "" {
		os.Exit(lockTokens(dir))
	}
	if label := os.Getenv(bornEnv); label != "" {
		os.Exit(makeKeys(label))
	}
	os.Exit(m.Run())
}

// lockTokens takes the fcntl lock that SoftHSM wants at every use of a token key, until standard input ends.
func lockTokens(dir string) int {
	files, err := filepath.Glob(filepath.Join(dir, "tokens", "*", "generation"))
	if err != nil || len(files) == 0 {
		fmt.Println("no tokens", err)
		return 1
	}
	for _, path := range files {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer f.Close()
		if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLKW, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// hangToken makes every use of a token key hang until the function that it returns is called.
func hangToken(t *testing.T, token hsmtest.Token) (release func()) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), lockEnv+"="+token.Dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("%q, %v", line, err)
	}
	done := false
	release = func() {
		if done {
			return
		}
		done = true
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(release)
	return release
}

// hangTimeout is the CallTimeout where calls hang: short, since tests wait for it, and yet no healthy call of a busy
// machine takes as long.
const hangTimeout = 500 * time.Millisecond

// Goroutines that are about to end are counted, too, so the count is waited for. As long as the calls hang, it comes
// down only if nobody waits with them.
func TestACallThatHangsCostsItsSessionAndNothingElse(t *testing.T) {
	for _, callers := range []int{30, 300} {
		t.Run(fmt.Sprintf("under %d callers", callers), func(t *testing.T) {
			token := hsmtest.New(t)
			cfg := token.Config()
			cfg.Sessions, cfg.StuckLimit, cfg.CallTimeout = 2, 2, hangTimeout
			tok := hsmtest.Open(t, cfg)
			key := newKey(t, tok)
			release := hangToken(t, token)
			before := runtime.NumGoroutine()

			hangUnder(t, tok, key, callers)
			// When the limit is reached, each session of the pool may have one more call inside.
			if st := tok.Status(ctx); st.Health.Serves() || st.Pool.Lost < 2 || st.Pool.Lost > 4 {
				t.Errorf("status %+v", st)
			}
			if _, err := tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x")}); !errors.Is(err, device.ErrUnavailable) {
				t.Errorf("with every session lost: got %v, want ErrUnavailable at once", err)
			}
			var more, lost int
			if !comesTrue(func() bool {
				more, lost = runtime.NumGoroutine()-before, tok.Status(ctx).Pool.Lost
				return more <= 2*lost // one inside the module, and one that waits for it
			}) {
				t.Errorf("%d goroutines wait for %d lost calls", more, lost)
			}

			release()
			eventually(t, func() bool { return tok.Status(ctx).Pool.Lost == 0 })
			if err := roundTrip(tok, key, "back again"); err != nil {
				t.Error(err)
			}
		})
	}
}

// hangUnder has so many callers at once use a token whose calls hang. All return, however long the calls hang.
func hangUnder(t *testing.T, tok *hsm.Token, key device.Key, callers int) {
	t.Helper()
	together(t, callers, func(int) error {
		begin := time.Now()
		_, err := tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x")})
		if !errors.Is(err, device.ErrUnavailable) && !errors.Is(err, device.ErrBusy) {
			return fmt.Errorf("got %w, want ErrUnavailable or ErrBusy", err)
		}
		if took := time.Since(begin); took > 20*hangTimeout {
			return fmt.Errorf("the caller was held for %v", took)
		}
		return nil
	})
}

func TestACallerMayLeaveWhileTheTokenWorks(t *testing.T) {
	const inside = time.Second // by then the call has come to hang
	token := hsmtest.New(t)
	tok := token.Open(t)
	key := newKey(t, tok)
	release := hangToken(t, token)
	for name, test := range map[string]struct {
		leave func() (context.Context, context.CancelFunc)
		want  error
	}{
		"cancelled": {func() (context.Context, context.CancelFunc) {
			c, cancel := context.WithCancel(ctx)
			time.AfterFunc(inside, cancel)
			return c, cancel
		}, context.Canceled},
		"deadline": {func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, inside)
		}, device.ErrUnavailable},
	} {
		c, cancel := test.leave()
		_, err := tok.Encrypt(c, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x")})
		cancel()
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	release()
	eventually(t, func() bool { return tok.Status(ctx).Pool.InUse == 0 })
	if st := tok.Status(ctx); st.Health != hsm.Healthy || st.Pool.Lost != 0 || st.Logins != 1 {
		t.Errorf("status %+v", st)
	}
}

// A module that is finalised with a call inside ends the process: Close must rather leave it as it is.
func TestCloseDoesNotFinaliseUnderACall(t *testing.T) {
	token := hsmtest.New(t)
	cfg := token.Config()
	cfg.CallTimeout = hangTimeout
	tok := hsmtest.Open(t, cfg)
	key := newKey(t, tok)
	release := hangToken(t, token)
	if _, err := tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x")}); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := tok.Close(); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("Close: got %v, want ErrUnavailable", err)
	}
	release()
	eventually(t, func() bool {
		again, err := hsm.Open(ctx, token.Config())
		return err == nil && again.Close() == nil
	})
}

// A request may take longer than Close waits for it. The recovery, which has ended, is not to blame.
func TestCloseWaitsForEachStepByItself(t *testing.T) {
	token := hsmtest.New(t)
	cfg := token.Config()
	cfg.CallTimeout = hangTimeout
	tok := hsmtest.Open(t, cfg)
	key := newKey(t, tok)
	sealed := seal(t, tok, key, "a", []byte("x"))
	release := hangToken(t, token)
	begun := make(chan struct{})
	hung := make(chan error)
	go func() {
		_, err := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("a"), Sealed: sealed, Guard: func() error {
			close(begun)
			return nil
		}})
		hung <- err
	}()
	<-begun
	err := tok.Close()
	if !errors.Is(err, device.ErrUnavailable) || strings.Contains(err.Error(), "recovery") {
		t.Errorf("Close: %v", err)
	}
	if err := <-hung; !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("Decrypt: %v", err)
	}
	release()
	eventually(t, func() bool {
		again, err := hsm.Open(ctx, token.Config())
		return err == nil && again.Close() == nil
	})
}

// atLast is when a test gives up on what must happen at some time, however busy the machine is.
const atLast = time.Minute

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	if !comesTrue(is) {
		t.Fatalf("it did not happen in %v", atLast)
	}
}

func comesTrue(is func() bool) bool {
	for deadline := time.Now().Add(atLast); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
