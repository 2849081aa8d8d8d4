package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

func TestAClientUsesKeysThroughTheServer(t *testing.T) {
	h := newHome(t)
	s := h.serve()
	arn := s.call(h.credentials, "CreateKey", `{"Description": "orders"}`).body["KeyMetadata"].(map[string]any)["Arn"].(string)
	if !strings.HasPrefix(arn, "arn:aws:kms:"+serveRegion+":444455556666:key/") {
		t.Errorf("the key is %s", arn)
	}
	s.call(h.credentials, "CreateAlias", `{"AliasName": "alias/orders", "TargetKeyId": "`+arn+`"}`)
	sealed := s.call(h.credentials, "Encrypt", `{"KeyId": "alias/orders", "Plaintext": "b3JkZXJz", "EncryptionContext": {"Tenant": "42"}}`)
	opened := s.call(h.credentials, "Decrypt", `{"CiphertextBlob": "`+sealed.text("CiphertextBlob")+`", "EncryptionContext": {"Tenant": "42"}}`)
	if opened.text("Plaintext") != "b3JkZXJz" || opened.text("KeyId") != arn {
		t.Errorf("it opened to %v", opened.body)
	}
	key := s.call(h.credentials, "GenerateDataKey", `{"KeyId": "alias/orders", "KeySpec": "AES_256"}`)
	if opened := s.call(h.credentials, "Decrypt", `{"CiphertextBlob": "`+key.text("CiphertextBlob")+`"}`); opened.text("Plaintext") != key.text("Plaintext") {
		t.Error("a data key opened to another one")
	}
	for name, refused := range map[string]struct {
		who               sigv4.Credentials
		region, operation string
		want              string
	}{
		"a wrong secret":                 {sigv4.Credentials{AccessKeyID: h.credentials.AccessKeyID, SecretAccessKey: []byte("x")}, serveRegion, "ListKeys", "InvalidSignatureException"},
		"an access key that is none":     {sigv4.Credentials{AccessKeyID: "AKIAXXXXXXXXXXXXXXXX", SecretAccessKey: []byte("x")}, serveRegion, "ListKeys", "UnrecognizedClientException"},
		"another region":                 {h.credentials, "us-east-1", "ListKeys", "InvalidSignatureException"},
		"an operation that there is not": {h.credentials, serveRegion, "MakeCoffee", "UnknownOperationException"},
	} {
		a, err := s.send(t.Context(), refused.who, refused.region, refused.operation, "{}")
		if err != nil || a.status != http.StatusBadRequest && a.status != http.StatusForbidden || a.errorName() != refused.want {
			t.Errorf("%s: %d %v, %v; want %s", name, a.status, a.body, err, refused.want)
		}
	}
	if code, text := s.look("/healthz"); code != http.StatusOK || text != "ok\n" {
		t.Errorf("healthz: %d %q", code, text)
	}
	s.await(http.StatusOK)
	counted := s.lookReady()
	for _, line := range []string{
		`keyhold_requests_total{code="OK",operation="Decrypt"} 2`, `keyhold_requests_total{code="UnknownOperationException",operation="unknown"} 1`,
		`keyhold_request_duration_seconds_count{operation="Encrypt"} 1`, `keyhold_token_health{state="healthy"} 1`,
		`keyhold_check_ok{check="token"} 1`, // and of uses, the canary's, a message's and a data key's
		`keyhold_generation_uses_highest 3`, `keyhold_audit_outbox_events 0`,
		`keyhold_token_call_duration_seconds_count{call="generate-key"} 2`, // the key and the marker of its birth
	} {
		if !strings.Contains(counted, "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, counted)
		}
	}
	for _, name := range []string{arn, "444455556666", "alias/orders", h.credentials.AccessKeyID} {
		if strings.Contains(counted, name) {
			t.Errorf("%s is in the metrics", name)
		}
	}
	s.stop()
	wantLog(t, s.said(), h.credentials)
	h.run("doctor")
}

// wantLog checks the log: one line of JSON for each request, and no secret.
func wantLog(t *testing.T, said string, who sigv4.Credentials) {
	t.Helper()
	answered := 0
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "keyhold: ") {
			continue
		}
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if event["msg"] == "answered" {
			answered++
		}
	}
	if answered != 10 {
		t.Errorf("%d requests are in the log, want 10:\n%s", answered, said)
	}
	if strings.Contains(said, string(who.SecretAccessKey)) || strings.Contains(said, "b3JkZXJz") {
		t.Error("the log has a secret")
	}
}

// Requests that the server has taken when it is told to end are answered, and what it acknowledged is there.
func TestAnEndUnderLoadLosesNothing(t *testing.T) {
	h := newHome(t)
	s := h.serve()
	var mu sync.Mutex
	created := map[string]bool{}
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for n := range 10000 {
				a, err := s.send(t.Context(), h.credentials, serveRegion, "CreateKey", fmt.Sprintf(`{"Description": "%d %d"}`, i, n))
				if err != nil {
					return // the connection is closed or refused: nothing was acknowledged
				}
				if a.status != http.StatusOK && a.errorName() != "ThrottlingException" {
					t.Errorf("client %d was answered %d %v", i, a.status, a.body)
					return
				}
				if metadata, ok := a.body["KeyMetadata"].(map[string]any); ok {
					mu.Lock()
					created[metadata["KeyId"].(string)] = true
					mu.Unlock()
				}
			}
		})
	}
	for count := 0; count < 20; time.Sleep(10 * time.Millisecond) {
		mu.Lock()
		count = len(created)
		mu.Unlock()
	}
	s.stop()
	clients.Wait()
	var list struct{ Keys []struct{ KeyId string } }
	if err := json.Unmarshal(h.run("key", "list", "--all", "-o", "json"), &list); err != nil {
		t.Fatal(err)
	}
	for _, k := range list.Keys {
		delete(created, k.KeyId)
	}
	if len(created) > 0 {
		t.Errorf("of the keys that were acknowledged, these are not there: %v", created)
	}
	h.run("doctor")
}

func TestReadinessGoesWithTheTokenAndComesBack(t *testing.T) {
	h := newHome(t)
	control := h.faulty()
	s := h.serve()
	s.await(http.StatusOK)
	key := s.call(h.credentials, "CreateKey", "{}").body["KeyMetadata"].(map[string]any)["KeyId"].(string)
	const deviceRemoved = 0x32
	control.Kill(deviceRemoved, faultp11.DeadInitializes|faultp11.DeadFinalizes)
	s.awaitReport(http.StatusServiceUnavailable, func(r readiness) bool {
		_, _, is := r.onlyTokenFails()
		return is
	})
	if code, _ := s.look("/healthz"); code != http.StatusOK {
		t.Errorf("the process lives, and healthz is %d", code)
	}
	a, err := s.send(t.Context(), h.credentials, serveRegion, "Encrypt", `{"KeyId": "`+key+`", "Plaintext": "b3JkZXJz"}`)
	if err != nil || a.status != http.StatusInternalServerError || a.errorName() != "KeyUnavailableException" {
		t.Errorf("without the token: %d %v, %v", a.status, a.body, err)
	}
	if code, text := s.look("/metrics"); code != http.StatusOK || !strings.Contains(text, "\nkeyhold_check_ok{check=\"token\"} 0\n") ||
		!strings.Contains(text, `keyhold_token_call_errors_total{call="mac",class="unavailable"} `) {
		t.Errorf("metrics without the token: %d %s", code, text)
	}
	control.Revive()
	s.await(http.StatusOK)
	for end := time.Now().Add(soon); !strings.Contains(s.said(), "the token is back") && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.Contains(s.said(), "the token is back") {
		t.Errorf("what the failure left open was not looked at: %s", s.said())
	}
	s.call(h.credentials, "Encrypt", `{"KeyId": "`+key+`", "Plaintext": "b3JkZXJz"}`)
	s.stop()
}

// A canary that hangs says nothing, and what it said before is believed for 5 seconds.
func TestReadinessDoesNotOutliveACanaryThatHangs(t *testing.T) {
	h := newHome(t)
	control := h.faulty()
	h.edit(func(c *configs.Config) { c.Token.CallTimeout = time.Minute })
	s := h.serve()
	s.await(http.StatusOK)
	control.Hang(faultp11.AnyFunction, 0)
	s.awaitReport(http.StatusServiceUnavailable, func(r readiness) bool {
		reason, age, is := r.onlyTokenFails()
		return is && age > 5 && reason == "the last look has not ended in 5s"
	})
	if code, _ := s.look("/healthz"); code != http.StatusOK {
		t.Errorf("the process lives, and healthz is %d", code)
	}
	control.Clear()
	s.await(http.StatusOK)
	s.stop()
}

// A supervisor starts a new process when this one ends with 75.
func TestAServerWhoseTokenIsStuckEnds(t *testing.T) {
	h := newHome(t)
	control := h.faulty()
	// CallTimeout is more than any call takes that comes to an end: the first that takes longer ends the server.
	h.edit(func(c *configs.Config) { c.Token.StuckLimit, c.Server.Grace = 1, time.Second })
	s := h.serve()
	s.await(http.StatusOK)
	control.Hang(faultp11.GenerateRandom, 0)
	a, err := s.send(t.Context(), h.credentials, serveRegion, "GenerateRandom", `{"NumberOfBytes": 8}`)
	if err == nil && a.status == http.StatusOK {
		t.Errorf("a call that hangs was answered %v", a.body)
	}
	if code := s.ends(); code != 75 {
		t.Errorf("it ended with %d, want 75: %s", code, s.said())
	}
	control.Clear()
	s = h.serve()
	s.call(h.credentials, "GenerateRandom", `{"NumberOfBytes": 8}`)
	s.stop()
}

func TestAServerThatCannotServeSaysWhatToDo(t *testing.T) {
	h := newHome(t)
	s := h.serve()
	taken := strings.TrimPrefix(s.url, "http://")
	for name, c := range map[string]struct {
		edit func(*configs.Config)
		want []string
	}{
		"the address is taken": {func(c *configs.Config) { c.Server.Listen = taken },
			[]string{"listen on " + taken, "name another address with server.listen"}},
		"the directory is served already": {func(c *configs.Config) { c.Server.Listen, c.LockWait = "127.0.0.1:0", 100*time.Millisecond },
			[]string{fmt.Sprintf("belongs to process %d", s.cmd.Process.Pid)}},
		"there is no certificate": {func(c *configs.Config) { c.Server.TLS = configs.TLS{Certificate: "/nowhere.crt", Key: "/nowhere.key"} },
			[]string{"/nowhere.crt"}},
	} {
		h.edit(c.edit)
		code, talk := keyhold(t, h.data, "serve")
		for _, want := range c.want {
			if code != 1 || !strings.Contains(talk, want) {
				t.Errorf("%s: %d: %s; want %q", name, code, talk, want)
			}
		}
		h.edit(func(c *configs.Config) { c.Server.TLS = configs.TLS{} })
	}
	dev := h.dir + "/dev"
	if code, talk := keyhold(t, dev, "dev"); code != 0 {
		t.Fatalf("%d: %s", code, talk)
	}
	if code, talk := keyhold(t, dev, "serve"); code != 1 || !strings.Contains(talk, "throw-away") || !strings.Contains(talk, "keyhold dev --listen") {
		t.Errorf("serve on a throw-away directory: %d: %s", code, talk)
	}
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.ends(); code != 0 || !strings.Contains(s.said(), `"msg":"ending"`) {
		t.Errorf("interrupted, it ended with %d: %s", code, s.said())
	}
}
