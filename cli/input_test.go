package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"github.com/keyhold/keyhold/configs"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestInputIsBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"nothing":      {"", nil},
		"less":         {"abc", nil},
		"exactly":      {"abcd", nil},
		"one too many": {"abcde", errTooLong},
		"far too many": {strings.Repeat("x", 100), errTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readLimited(t.Context(), strings.NewReader(tc.text), "it", 4)
			if !errors.Is(err, tc.want) || err == nil && string(got) != tc.text {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestInputEndsWithTheContext(t *testing.T) {
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := readLimited(ctx, r, "it", 4); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestACiphertextMayBeBase64(t *testing.T) {
	blob := "KH\x01\x01" + strings.Repeat("\xaa", 60)
	text := base64.StdEncoding.EncodeToString([]byte(blob))
	for name, given := range map[string]string{
		"octets":             blob,
		"base64":             text,
		"base64 with a line": text + "\n",
		"base64 in lines":    text[:20] + "\r\n" + text[20:] + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c")
			if err := os.WriteFile(path, []byte(given), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, p := range []struct {
				program *program
				name    string
			}{{quietProgram(), path}, {&program{in: strings.NewReader(given)}, "-"}} {
				got, err := p.program.readCiphertext(t.Context(), p.name)
				if err != nil || string(got) != blob {
					t.Errorf("%s: got %q, %v", p.name, got, err)
				}
			}
		})
	}
}

func TestOnlyAnInheritedDescriptorBringsAPIN(t *testing.T) {
	own, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = own.Close() }()
	for name, fd := range map[string]int{"a file that this program opened": int(own.Fd()), "a descriptor that is not open": 987} {
		t.Run(name, func(t *testing.T) {
			if _, err := pinSource(configs.PIN{FD: fd})(); err == nil || !strings.Contains(err.Error(), "was not inherited") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWordsForAShell(t *testing.T) {
	for given, want := range map[string]string{
		"/var/lib/keyhold": "/var/lib/keyhold",
		"my dir":           "'my dir'",
		"it's":             `'it'\''s'`,
		"":                 "''",
		"$HOME":            "'$HOME'",
	} {
		if got := shellWord(given); got != want {
			t.Errorf("%q: got %s, want %s", given, got, want)
		}
	}
}
