package secret_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/secret"
)

func TestASecretIsNeverPrinted(t *testing.T) {
	s := secret.New([]byte("hunter2"))
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("login", "pin", s)
	shown := []string{log.String(), s.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, s), fmt.Sprintf(verb, struct{ PIN secret.Bytes }{s}))
	}
	for _, text := range shown {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e746572") || strings.Contains(text, "104 117") {
			t.Errorf("the secret shows in %q", text)
		}
	}
}

func TestASecretHasNoJSON(t *testing.T) {
	_, err := json.Marshal(map[string]any{"pin": secret.New([]byte("hunter2"))})
	if !errors.Is(err, secret.ErrSerialised) {
		t.Fatalf("got %v, want ErrSerialised", err)
	}
}

func TestWipeClearsEveryCopy(t *testing.T) {
	s, err := secret.Random(rand.Reader, 32)
	if err != nil {
		t.Fatal(err)
	}
	other := s
	s.Wipe()
	if !bytes.Equal(other.Reveal(), make([]byte, 32)) {
		t.Error("octets survive Wipe")
	}
}

func TestEqualComparesOctets(t *testing.T) {
	a, b, c := secret.New([]byte("a")), secret.New([]byte("a")), secret.New([]byte("ab"))
	if !a.Equal(b) || a.Equal(c) {
		t.Error("Equal is wrong")
	}
}
