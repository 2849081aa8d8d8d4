package witness_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/hsm/witness"
	"github.com/keyhold/keyhold/hsm/witness/protocol"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/device"
)

var ctx = context.Background()

// childArg makes the test binary the witness.
const childArg = "keyhold-test-witness"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == childArg {
		if err := witness.Serve(ctx, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestTheWitnessAgreesAboutGoodKeys(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t) // stays open: the witness is another process
	keys := []protocol.Key{wrapKey(t, tok), wrapKey(t, tok), macKey(t, tok)}
	a := ask(t, token, hsmtest.PIN, keys)
	if !a.OK() || a.Token != token.Label || len(a.Keys) != 3 {
		t.Fatalf("%+v", a)
	}
	for i, v := range a.Keys {
		if v.ID != keys[i].ID || v.Opened != (i < 2) {
			t.Errorf("key %d: %+v", i, v)
		}
	}
}

func TestTheWitnessSaysWhatIsWrong(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	good := wrapKey(t, tok)
	change := func(f func(*protocol.Key)) protocol.Key {
		k := good
		f(&k)
		return k
	}
	other := wrapKey(t, tok)
	for name, test := range map[string]struct {
		key  protocol.Key
		says string
	}{
		"an altered canary":       {change(func(k *protocol.Key) { k.Ciphertext = append([]byte{1}, k.Ciphertext[1:]...) }), "does not open"},
		"another key's canary":    {change(func(k *protocol.Key) { k.ID = other.ID }), "does not open"},
		"other additional data":   {change(func(k *protocol.Key) { k.AAD = []byte("x") }), "does not open"},
		"another text":            {change(func(k *protocol.Key) { k.PlaintextSHA256 = make([]byte, 32) }), "another text"},
		"a key that is not there": {change(func(k *protocol.Key) { k.ID = strings.Repeat("ab", 16) }), "0 secret keys"},
		"an id that is none":      {change(func(k *protocol.Key) { k.ID = "xyz" }), "not hexadecimal"},
		"the wrong purpose":       {change(func(k *protocol.Key) { k.Purpose = device.PurposeMAC }), "CKA_ENCRYPT is true where it must be false"},
		"no purpose":              {change(func(k *protocol.Key) { k.Purpose = 0 }), "no key purpose"},
	} {
		a := ask(t, token, hsmtest.PIN, []protocol.Key{test.key, good})
		if a.OK() || len(a.Keys) != 2 || a.Keys[0].OK || !strings.Contains(strings.Join(a.Keys[0].Problems, "; "), test.says) {
			t.Errorf("%s: %+v", name, a)
			continue
		}
		if !a.Keys[1].OK {
			t.Errorf("%s: the good key suffers: %+v", name, a.Keys[1])
		}
	}
}

func TestTheWitnessTellsWhyItCannotLook(t *testing.T) {
	token := hsmtest.New(t)
	tok := token.Open(t)
	key := wrapKey(t, tok)
	if a := ask(t, token, "wrong-pin", []protocol.Key{key}); a.OK() || !strings.Contains(a.Problem, "CKR_PIN_INCORRECT") || strings.Contains(a.Problem, "wrong-pin") {
		t.Errorf("%+v", a)
	}
	token.Label = "nobody"
	if a := ask(t, token, hsmtest.PIN, []protocol.Key{key}); a.OK() || a.Problem == "" {
		t.Errorf("%+v", a)
	}
}

func TestAChildThatDoesNotAnswerIsAnError(t *testing.T) {
	for _, exe := range []string{"/bin/false", "/bin/true", "/nowhere/witness"} {
		_, err := protocol.Ask(ctx, protocol.Question{Exe: exe, PIN: secret.New([]byte("1234"))})
		if err == nil {
			t.Errorf("%s: no error", exe)
		}
	}
}

func ask(tb testing.TB, token hsmtest.Token, pin string, keys []protocol.Key) protocol.Answer {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	a, err := protocol.Ask(ctx, protocol.Question{
		Exe: exe, Args: []string{childArg}, Env: append(os.Environ(), "GORACE=atexit_sleep_ms=0"), PIN: secret.New([]byte(pin)),
		Request: protocol.Request{Module: token.Module, Env: token.Env, Label: token.Label, Keys: keys},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func wrapKey(tb testing.TB, tok *hsm.Token) protocol.Key {
	tb.Helper()
	id := bear(tb, tok, device.PurposeWrap)
	text := []byte("canary")
	sealed, err := tok.Encrypt(ctx, device.EncryptRequest{
		Key: device.Key{ID: id, Cipher: tok.Cipher()}, AAD: device.CanaryAAD(id), Plaintext: text,
	})
	if err != nil {
		tb.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return protocol.Key{
		ID: id.String(), Purpose: device.PurposeWrap, AAD: device.CanaryAAD(id),
		IV: sealed.IV, Ciphertext: sealed.Ciphertext, PlaintextSHA256: sum[:],
	}
}

func macKey(tb testing.TB, tok *hsm.Token) protocol.Key {
	tb.Helper()
	return protocol.Key{ID: bear(tb, tok, device.PurposeMAC).String(), Purpose: device.PurposeMAC}
}

func bear(tb testing.TB, tok *hsm.Token, p device.Purpose) device.ObjectID {
	tb.Helper()
	id, err := device.NewObjectID(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := tok.GenerateKey(ctx, device.KeySpec{ID: id, Label: "test", Purpose: p}); err != nil {
		tb.Fatal(err)
	}
	return id
}
