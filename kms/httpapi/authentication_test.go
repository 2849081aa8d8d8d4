package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/httpapi"
)

const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// eavesdropper is a body that tells whether it was read.
type eavesdropper struct {
	*strings.Reader
	read atomic.Bool
}

func (e *eavesdropper) Read(p []byte) (int, error) {
	e.read.Store(true)
	return e.Reader.Read(p)
}

func (*eavesdropper) Close() error { return nil }

func TestWhoHasNotSignedIsToldWhyAndNothingElse(t *testing.T) {
	b := newBench(t)
	other := sigv4.Credentials{AccessKeyID: b.ada.AccessKeyID, SecretAccessKey: []byte("another secret")}
	for _, c := range []struct {
		name    string
		who     sigv4.Credentials
		edit    func(r *http.Request)
		status  int
		code    string
		message string
		reads   bool // the body, which needs a known access key and a header in order
	}{
		{"no signature", b.ada, func(r *http.Request) { r.Header.Del("Authorization") }, 400, "MissingAuthenticationTokenException", "Request is missing Authentication Token", false},
		{"a bearer's token", b.ada, func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 400, "MissingAuthenticationTokenException", "Request is missing Authentication Token", false},
		{"half a signature", b.ada, func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/20260102/eu-central-1/kms/aws4_request")
		},
			400, "IncompleteSignatureException", "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256", false},
		{"a secret that is another", other, nil, 400, "InvalidSignatureException", mismatch, true},
		{"a target that was changed", b.ada, func(r *http.Request) { r.Header.Set("X-Amz-Target", "TrentService.ScheduleKeyDeletion") }, 400, "InvalidSignatureException", mismatch, true},
		{"a header that was added", b.ada, func(r *http.Request) { r.Header.Set("X-Amz-Meta", "1") }, 400, "InvalidSignatureException", "'X-Amz-Meta' must be a 'SignedHeader' in the AWS Authorization.", false},
		{"two targets", b.ada, func(r *http.Request) { r.Header.Add("X-Amz-Target", "TrentService.ListKeys") }, 400, "IncompleteSignatureException", "'x-amz-target' occurs more than once in the HTTP request.", false},
		{"another host", b.ada, func(r *http.Request) { r.Host = "kms.example.test" }, 400, "InvalidSignatureException", mismatch, true},
		{"an access key that there is not", sigv4.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: []byte("x")}, nil, 400, "UnrecognizedClientException", "The security token included in the request is invalid.", false},
		{"a token that belongs to nothing", sigv4.Credentials{AccessKeyID: b.ada.AccessKeyID, SecretAccessKey: b.ada.SecretAccessKey, SessionToken: "dG9rZW4="}, nil, 400, "UnrecognizedClientException", "The security token included in the request is invalid.", false},
		{"a session without token", sigv4.Credentials{AccessKeyID: "ASIAXXXXXXXXXXXXXXXX", SecretAccessKey: []byte("x")}, nil, 400, "UnrecognizedClientException", "The security token included in the request is invalid.", false},
		{"the credentials of another service", b.ada, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/kms/", "/s3/", 1))
		}, 400, "InvalidSignatureException", "Credential should be scoped to correct service: 'kms'. ", false},
		{"the credentials of another region", b.ada, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), region, "us-east-1", 1))
		}, 400, "InvalidSignatureException", "Credential should be scoped to a valid region, not 'us-east-1'. ", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			r := b.sign(request("TrentService.Frobnicate", `not JSON`), c.who) // neither of which may be found out
			body := &eavesdropper{Reader: strings.NewReader("not JSON")}
			r.Body = body
			if c.edit != nil {
				c.edit(r)
			}
			got := b.ask(r)
			b.refused(got, c.status, c.code, c.message)
			if body.read.Load() != c.reads {
				t.Errorf("the body is read: %v", body.read.Load())
			}
			if recorded := b.audit.of(got.id); len(recorded) != 0 {
				t.Errorf("who is not authenticated is recorded: %v", recorded)
			}
			if !strings.Contains(b.log.String(), "msg=answered request="+got.id) {
				t.Error("the log has no line of the request")
			}
		})
	}
}

func TestABodyThatWasChangedIsRefused(t *testing.T) {
	b := newBench(t)
	r := b.sign(request("TrentService.ListKeys", `{"Limit":1}`), b.ada)
	r.Body = &eavesdropper{Reader: strings.NewReader(`{"Limit":2}`)}
	b.refused(b.ask(r), 400, "InvalidSignatureException", mismatch)
}

func TestARequestOfAnotherTimeIsRefused(t *testing.T) {
	b := newBench(t)
	r := b.sign(request("TrentService.ListKeys", `{}`), b.ada)
	b.clock.Advance(5*time.Minute + time.Second)
	b.refused(b.ask(r), 400, "InvalidSignatureException", "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T030906Z - 5 min.)")
	b.clock.Advance(-20 * time.Minute)
	b.refused(b.ask(r), 400, "InvalidSignatureException", "Signature not yet current: 20260102T030405Z is still later than 20260102T025406Z (20260102T024906Z + 5 min.)")
}

// What was typed in place of an access key id may be the secret.
func TestAnUnknownAccessKeyIDIsNowhere(t *testing.T) {
	b := newBench(t)
	typed := "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"
	b.refused(b.ask(b.sign(request("TrentService.ListKeys", `{}`), sigv4.Credentials{AccessKeyID: typed, SecretAccessKey: []byte("x")})),
		400, "UnrecognizedClientException", "The security token included in the request is invalid.")
	if strings.Contains(b.log.String(), typed) {
		t.Errorf("the log has it: %s", b.log)
	}
	wrong := sigv4.Credentials{AccessKeyID: b.ada.AccessKeyID, SecretAccessKey: []byte("x")}
	b.refused(b.ask(b.sign(request("TrentService.ListKeys", `{}`), wrong)), 400, "InvalidSignatureException", mismatch)
	if !strings.Contains(b.log.String(), "accessKey="+b.ada.AccessKeyID+" detail=\"the signature differs\"") {
		t.Errorf("the log does not tell whose secret is wrong: %s", b.log)
	}
}

func TestAnAccessKeyHoldsNoLongerThanItIsThere(t *testing.T) {
	b := newBench(t)
	works := func(want bool) {
		t.Helper()
		got := b.call("TrentService.ListKeys", `{}`)
		if (got.status == 200) != want {
			t.Fatalf("got %d %s", got.status, got.body)
		}
		if !want {
			b.refused(got, 400, "UnrecognizedClientException", "The security token included in the request is invalid.")
		}
	}
	works(true)
	do[any](b, "DisableAccessKey", &api.DisableAccessKeyInput{AccessKeyID: &b.ada.AccessKeyID})
	works(false)
	do[any](b, "EnableAccessKey", &api.EnableAccessKeyInput{AccessKeyID: &b.ada.AccessKeyID})
	works(true)
	do[any](b, "DisablePrincipal", &api.DisablePrincipalInput{Principal: &b.adaARN})
	works(false)
	do[any](b, "EnablePrincipal", &api.EnablePrincipalInput{Principal: &b.adaARN})
	works(true)
	do[any](b, "DeleteAccessKey", &api.DeleteAccessKeyInput{AccessKeyID: &b.ada.AccessKeyID})
	works(false)
}

func TestTheSigningKeyIsForgottenWithTheAccessKey(t *testing.T) {
	b := newBench(t)
	dropped := &droppedCore{Core: b.service}
	b.handler = b.newHandler(dropped)
	if got := b.call("TrentService.ListKeys", `{}`); got.status != 200 || b.handler.SigningKeys() != 1 {
		t.Fatalf("got %d, and %d signing keys", got.status, b.handler.SigningKeys())
	}
	dropped.tell("AKIAANOTHER")
	if b.handler.SigningKeys() != 1 {
		t.Error("another access key's end drops it")
	}
	dropped.tell(kms.AccessKeyID(b.ada.AccessKeyID))
	if b.handler.SigningKeys() != 0 {
		t.Error("the signing key survives its access key")
	}
}

// droppedCore tells of the end of an access key when a test says so.
type droppedCore struct {
	httpapi.Core
	tell func(kms.AccessKeyID)
}

func (c *droppedCore) OnCredentialDropped(f func(kms.AccessKeyID)) { c.tell = f }

// brokenCore fails where a test wants it to.
type brokenCore struct {
	httpapi.Core
	id, credential, do error
	panics             bool
	ctx                context.Context
}

func (c *brokenCore) NewRequestID() (string, error) {
	if c.id != nil {
		return "", c.id
	}
	return c.Core.NewRequestID()
}

func (c *brokenCore) Credential(ctx context.Context, id kms.AccessKeyID, token string) (kms.Credential, error) {
	if c.credential != nil {
		return kms.Credential{}, c.credential
	}
	return c.Core.Credential(ctx, id, token)
}

func (c *brokenCore) Do(ctx context.Context, req kms.Request) (any, error) {
	c.ctx = ctx
	if c.panics {
		panic("at the disco")
	}
	if c.do != nil {
		return nil, c.do
	}
	return c.Core.Do(ctx, req)
}

func TestWhateverBreaksTheAnswerIsOne(t *testing.T) {
	b := newBench(t)
	const internal = "An internal error occurred. Try again."
	for _, c := range []struct {
		name string
		core *brokenCore
	}{
		{"no request id", &brokenCore{id: errors.New("no random octets")}},
		{"a core that panics", &brokenCore{panics: true}},
		{"an error that is not the wire's", &brokenCore{do: errors.New("a cause with a secret")}},
		{"credentials that cannot be looked up", &brokenCore{credential: errors.New("a cause with a secret")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			c.core.Core = b.service
			b.handler = b.newHandler(c.core)
			b.refused(b.call("TrentService.ListKeys", `{}`), 500, "KMSInternalException", internal)
		})
	}
	b.t = t
	if !strings.Contains(b.log.String(), "at the disco") || !strings.Contains(b.log.String(), "stack=") {
		t.Error("the log does not tell of the panic")
	}
}

func TestTheCoreHasSoMuchTime(t *testing.T) {
	b := newBench(t)
	core := &brokenCore{Core: b.service}
	b.handler = b.newHandler(core, func(c *httpapi.Config) { c.Timeout = time.Hour })
	b.call("TrentService.ListKeys", `{}`)
	if deadline, ok := core.ctx.Deadline(); !ok || time.Until(deadline) > time.Hour || time.Until(deadline) < 59*time.Minute {
		t.Errorf("the deadline is %v", deadline)
	}
}

// turnstile lets in whom it is told to.
type turnstile struct {
	tickets []httpapi.Ticket
	left    int
	refuse  error
}

func (g *turnstile) Enter(_ context.Context, t httpapi.Ticket) (func(), error) {
	g.tickets = append(g.tickets, t)
	return func() { g.left++ }, g.refuse
}

func TestAGateSeesWhoIsAuthenticated(t *testing.T) {
	gate := &turnstile{}
	var seen []httpapi.Observation
	b := newBench(t, func(c *httpapi.Config) {
		c.Gate = gate
		c.Observe = func(o httpapi.Observation) { seen = append(seen, o) }
	})
	b.call("TrentService.CreateKey", `{}`)
	b.call("TrentService.Frobnicate", `{}`)
	b.ask(request("TrentService.ListKeys", `{}`))
	if len(gate.tickets) != 2 || gate.left != 2 {
		t.Fatalf("the gate saw %v, and %d leave", gate.tickets, gate.left)
	}
	if first := gate.tickets[0]; first.Account != account || first.Operation != "CreateKey" || first.Effect != kms.Mutate || !strings.HasPrefix(first.Principal, "AIDA") {
		t.Errorf("the gate saw %+v", first)
	}
	if second := gate.tickets[1]; second.Operation != "" || second.Effect != kms.Read {
		t.Errorf("the gate saw %+v", second)
	}
	gate.refuse = api.Throttling()
	got := b.call("TrentService.CreateKey", `{}`)
	b.refused(got, 400, "ThrottlingException", "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
	if len(b.audit.of(got.id)) != 0 {
		t.Error("who is turned away is recorded")
	}
	want := []httpapi.Observation{
		{Operation: "CreateKey", Status: 200}, {Error: "UnknownOperationException", Status: 400},
		{Error: "MissingAuthenticationTokenException", Status: 400}, {Operation: "CreateKey", Error: "ThrottlingException", Status: 400},
	}
	if len(seen) != len(want) {
		t.Fatalf("observed %v", seen)
	}
	for i := range want {
		if seen[i] != want[i] {
			t.Errorf("observed %+v, want %+v", seen[i], want[i])
		}
	}
}

func TestAHandlerNeedsACoreAClockAndRegions(t *testing.T) {
	b := newBench(t)
	for name, edit := range map[string]func(*httpapi.Config){
		"no core":       func(c *httpapi.Config) { c.Core = nil },
		"no clock":      func(c *httpapi.Config) { c.Now = nil },
		"no region":     func(c *httpapi.Config) { c.Regions = nil },
		"too much skew": func(c *httpapi.Config) { c.Skew = 16 * time.Minute },
		"negative time": func(c *httpapi.Config) { c.Timeout = -1 },
	} {
		config := httpapi.Config{Core: b.service, Regions: []string{region}, Now: b.clock.Now}
		edit(&config)
		if _, err := httpapi.New(config); err == nil {
			t.Errorf("%s: a handler is made", name)
		}
	}
}
