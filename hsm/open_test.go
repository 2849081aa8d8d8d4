package hsm_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	token := hsmtest.New(t)
	token.Open(t) // keeps the module initialised while the cases run
	good := token.Config()
	notALibrary := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(notALibrary, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	slot := uint(1 << 30)
	cases := map[string]struct {
		change func(*hsm.Config)
		class  error
		says   []string
	}{
		"no module":             {func(c *hsm.Config) { c.Module = "" }, device.ErrUnsupported, []string{"module"}},
		"a missing module":      {func(c *hsm.Config) { c.Module = "/nowhere/p11.so" }, device.ErrUnavailable, []string{"/nowhere/p11.so", "install"}},
		"a file of text":        {func(c *hsm.Config) { c.Module = notALibrary }, device.ErrUnavailable, []string{"text.so"}},
		"another library":       {func(c *hsm.Config) { c.Module = libc(t) }, device.ErrUnavailable, []string{"C_GetFunctionList"}},
		"no selection":          {func(c *hsm.Config) { c.Label = "" }, device.ErrUnsupported, []string{"exactly one"}},
		"two selections":        {func(c *hsm.Config) { c.Serial = "1" }, device.ErrUnsupported, []string{"exactly one"}},
		"an unknown label":      {func(c *hsm.Config) { c.Label = "nobody" }, device.ErrUnavailable, []string{`"nobody"`, token.Label}},
		"an unknown serial":     {func(c *hsm.Config) { c.Label, c.Serial = "", "0000" }, device.ErrUnavailable, []string{`"0000"`, token.Label}},
		"an unknown slot":       {func(c *hsm.Config) { c.Label, c.Slot = "", &slot }, device.ErrUnavailable, []string{"slot 1073741824"}},
		"an unknown profile":    {func(c *hsm.Config) { c.Profile = "abacus" }, device.ErrUnsupported, []string{"abacus", "softhsm2", "generic"}},
		"an unknown IV policy":  {func(c *hsm.Config) { c.IV = 9 }, device.ErrUnsupported, []string{"IV policy 9"}},
		"no PIN":                {func(c *hsm.Config) { c.PIN = nil }, device.ErrLogin, []string{"PIN"}},
		"a PIN that is missing": {func(c *hsm.Config) { c.Label, c.PIN = hsmtest.New(t).Label, hsm.PINFromFile("/nowhere/pin") }, device.ErrUnavailable, []string{"/nowhere/pin"}},
		"other environment":     {func(c *hsm.Config) { c.Env = map[string]string{"SOFTHSM2_CONF": "/other"} }, device.ErrUnavailable, []string{"in use"}},
		"other arguments":       {func(c *hsm.Config) { c.InitArgs = "x" }, device.ErrUnavailable, []string{"in use"}},
	}
	for name, test := range cases {
		cfg := good
		test.change(&cfg)
		tok, err := hsm.Open(ctx, cfg)
		if err == nil {
			t.Errorf("%s: opened", name)
			_ = tok.Close()
			continue
		}
		if !errors.Is(err, test.class) {
			t.Errorf("%s: got %v, want %v", name, err, test.class)
		}
		for _, want := range test.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
	}
}

func TestAnUninitialisedTokenIsNotOpened(t *testing.T) {
	token := hsmtest.New(t)
	token.Open(t)
	r := newRaw(t, token)
	slots, err := r.p.GetSlotList(true)
	r.must(err)
	free := slots[len(slots)-1]
	cfg := token.Config()
	cfg.Label, cfg.Slot = "", &free
	_, err = hsm.Open(ctx, cfg)
	if !errors.Is(err, device.ErrUnavailable) || !strings.Contains(err.Error(), "not initialised") {
		t.Errorf("got %v", err)
	}
}

func TestAWrongPINIsTriedOnce(t *testing.T) {
	token := hsmtest.New(t)
	var asked atomic.Int64
	cfg := token.Config()
	cfg.PIN = func() (secret.Bytes, error) {
		asked.Add(1)
		return secret.New([]byte("wrong-pin")), nil
	}
	_, err := hsm.Open(ctx, cfg)
	if !errors.Is(err, device.ErrLogin) || !strings.Contains(err.Error(), "C_Login: CKR_PIN_INCORRECT (0xA0)") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "wrong-pin") {
		t.Error("the error shows the PIN")
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("C_Login was called with %d PINs", n)
	}
	token.Open(t) // the right one still works
}

// A PIN that is changed under a running server must not be tried again and again: some tokens lock after three.
func TestAPINRefusedAtReloginIsNotTriedAgain(t *testing.T) {
	token := hsmtest.New(t)
	var asked atomic.Int64
	cfg := token.Config()
	cfg.PIN = func() (secret.Bytes, error) {
		if asked.Add(1) > 1 {
			return secret.New([]byte("wrong-pin")), nil
		}
		return secret.New([]byte(hsmtest.PIN)), nil
	}
	tok := hsmtest.Open(t, cfg)
	key := newKey(t, tok)
	r := newRaw(t, token)
	r.must(r.p.Logout(r.s))
	for range 5 {
		_, err := tok.Encrypt(ctx, device.EncryptRequest{Key: key, AAD: []byte("a"), Plaintext: []byte("x")})
		if !errors.Is(err, device.ErrLogin) {
			t.Fatalf("got %v, want ErrLogin", err)
		}
	}
	if has, err := tok.HasKey(ctx, newID(t)); err == nil {
		t.Errorf("a logged-out token says %t about a key", has)
	}
	st := tok.Status(ctx)
	if n := asked.Load(); n != 2 || st.Logins != 2 || st.Health != hsm.LoginRefused {
		t.Errorf("%d PINs were asked for; status %+v", n, st)
	}
}

func TestThePINIsWipedAfterLogin(t *testing.T) {
	token := hsmtest.New(t)
	given := []byte(hsmtest.PIN)
	cfg := token.Config()
	cfg.PIN = func() (secret.Bytes, error) { return secret.New(given), nil }
	hsmtest.Open(t, cfg)
	if strings.Trim(string(given), "\x00") != "" {
		t.Error("the PIN is still in memory")
	}
}

func TestTwoTokensShareOneModule(t *testing.T) {
	a, b := hsmtest.New(t), hsmtest.New(t)
	link := filepath.Join(t.TempDir(), "link.so")
	if err := os.Symlink(b.Module, link); err != nil {
		t.Fatal(err)
	}
	first, err := hsm.Open(ctx, a.Config())
	if err != nil {
		t.Fatal(err)
	}
	cfg := b.Config()
	cfg.Module = link
	second := hsmtest.Open(t, cfg)
	keyA, keyB := newKey(t, first), newKey(t, second)
	wantHas(t, first, keyB.ID, false)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	seal(t, second, keyB, "a", []byte("the other token is closed"))
	if _, err := first.Encrypt(ctx, device.EncryptRequest{Key: keyA, AAD: []byte("a")}); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("a closed token answers %v", err)
	}
	if err := first.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestATokenCanBeOpenedAgain(t *testing.T) {
	token := hsmtest.New(t)
	var key device.Key
	var sealed device.Sealed
	for i := range 3 {
		cfg := token.Config()
		cfg.Preload = i == 2
		tok, err := hsm.Open(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			key = newKey(t, tok)
			sealed = seal(t, tok, key, "a", []byte("kept"))
		}
		if cfg.Preload && tok.Status(ctx).Handles != 1 {
			t.Errorf("%d handles are preloaded", tok.Status(ctx).Handles)
		}
		if got, err := tok.Decrypt(ctx, device.DecryptRequest{Key: key, AAD: []byte("a"), Sealed: sealed}); err != nil || string(got) != "kept" {
			t.Errorf("open %d: %q, %v", i, got, err)
		}
		if err := tok.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// SoftHSM uses the zero buffer that CloudHSM wants as the IV of every message: the self-test must not let that pass.
func TestAWrongIVPolicyFailsClosed(t *testing.T) {
	for policy, says := range map[device.IVPolicy]string{
		device.IVWrittenBack: "left the IV all zero",
		device.IVPrepended:   "octets instead of",
		device.IVAppended:    "octets instead of",
	} {
		cfg := hsmtest.New(t).Config()
		cfg.IV = policy
		_, err := hsm.Open(ctx, cfg)
		if !errors.Is(err, device.ErrUntrusted) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", policy, err)
		}
	}
}

func TestTheGenericProfileServesSoftHSM(t *testing.T) {
	cfg := hsmtest.New(t).Config()
	cfg.Profile = "generic"
	tok := hsmtest.Open(t, cfg)
	if tok.Exclusive() {
		t.Error("a token of an unknown kind counts as exclusive")
	}
	key := newKey(t, tok)
	seal(t, tok, key, "a", []byte("x"))
}

func TestProbeReportsGoodAndBadTokens(t *testing.T) {
	good := hsmtest.New(t).Config()
	bad := hsmtest.New(t).Config()
	bad.IV = device.IVWrittenBack
	noPIN := hsmtest.New(t).Config()
	noPIN.PIN = nil
	for name, test := range map[string]struct {
		cfg     hsm.Config
		problem string
	}{"good": {good, ""}, "bad": {bad, "all zero"}, "no PIN": {noPIN, "no PIN"}} {
		r, err := hsm.Probe(ctx, test.cfg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if (r.Problem == "") != (test.problem == "") || !strings.Contains(r.Problem, test.problem) {
			t.Errorf("%s: problem %q", name, r.Problem)
		}
		if r.Profile.Name != "softhsm2" || len(r.Mechanisms) < 30 || r.Token.Label != test.cfg.Label {
			t.Errorf("%s: %+v", name, r)
		}
		if name != "no PIN" && len(r.Checks) != 9 {
			t.Errorf("%s: %d checks", name, len(r.Checks))
		}
		var text strings.Builder
		if err := r.Text(&text); err != nil || !strings.Contains(text.String(), "AES_GCM (0x1087)") {
			t.Errorf("%s: text %q, %v", name, text.String(), err)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInitTokenRefusesALabelInUse(t *testing.T) {
	token := hsmtest.New(t)
	err := hsm.InitToken(ctx, hsm.NewToken{Module: token.Module, Env: token.Env, Label: token.Label,
		SOPIN: secret.New([]byte("12345678")), PIN: secret.New([]byte("12345678"))})
	if !errors.Is(err, device.ErrUnsupported) || !strings.Contains(err.Error(), token.Label) {
		t.Errorf("got %v", err)
	}
}

// libc is a library that is none of PKCS #11.
func libc(t *testing.T) string {
	for _, pattern := range []string{"/lib/*/libm.so.6", "/lib64/libm.so.6", "/usr/lib/libm.so.6", "/lib/ld-musl-*.so.1"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("no C library was found to be mistaken for a PKCS #11 module")
	return ""
}
