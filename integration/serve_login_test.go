package integration

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A server whose PIN was refused tries none again, whatever becomes of the file, until the operator's word.
func TestHSMLoginBringsAServerBackWhosePINWasRefused(t *testing.T) {
	h := newHome(t)
	control := h.faulty()
	s := h.serve()
	s.await(http.StatusOK)
	path := filepath.Join(h.dir, "pin")
	right, err := os.ReadFile(path)
	if err := errors.Join(err, os.WriteFile(path, []byte("9-other-pin-9"), 0o600)); err != nil {
		t.Fatal(err)
	}
	before, _ := control.Logins()
	control.KillSessions()
	for begin := time.Now(); !strings.Contains(s.said(), `"health":"login-refused"`); time.Sleep(10 * time.Millisecond) {
		if _, err := s.send(t.Context(), h.credentials, serveRegion, "GenerateRandom", `{"NumberOfBytes": 8}`); err != nil || time.Since(begin) > soon {
			t.Fatalf("the PIN is not refused: %v: %s", err, s.said())
		}
	}
	wrong := program(t, h.data, "hsm", "login")
	if out, err := wrong.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("CKR_PIN_INCORRECT")) {
		t.Errorf("hsm login with the wrong PIN: %v: %s", err, out)
	}
	if err := os.WriteFile(path, right, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // in which nothing is tried
	if a, err := s.send(t.Context(), h.credentials, serveRegion, "GenerateRandom", `{"NumberOfBytes": 8}`); err != nil || a.status == http.StatusOK {
		t.Errorf("served before the operator's word: %v, %v", a.body, err)
	}
	if n, _ := control.Logins(); n != before+2 {
		t.Errorf("%d C_Login calls with the wrong PIN, want the server's and the command's", n-before)
	}
	if out := h.run("hsm", "login"); !strings.Contains(string(out), "Server  logged in") {
		t.Errorf("hsm login said %s", out)
	}
	s.call(h.credentials, "GenerateRandom", `{"NumberOfBytes": 8}`)
	s.await(http.StatusOK)
	s.stop()
}
