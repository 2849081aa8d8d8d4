package httpapi_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/httpapi"
)

// status is what a connection's request is answered with; 0 when the connection is closed instead.
func status(t *testing.T, c net.Conn, octets string) int {
	t.Helper()
	_, _ = io.WriteString(c, octets)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

// unsigned is a request that restarts the time of an idle connection, and is refused.
const unsigned = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// signedBy is a call by somebody.
func (b *bench) signedBy(who sigv4.Credentials) string {
	b.t.Helper()
	ada := b.ada
	defer func() { b.ada = ada }()
	b.ada = who
	return b.signed("TrentService.ListKeys", `{}`).text("POST / HTTP/1.1", `{}`, "Content-Length: 2")
}

// kept counts connections on which an unsigned request is still answered.
func kept(t *testing.T, all []net.Conn) (n int) {
	t.Helper()
	for _, c := range all {
		if status(t, c, unsigned) == 404 {
			n++
		}
	}
	return n
}

// Who has signed once does not keep a place by requests that are not signed.
func TestOneSignatureHoldsNoPlaceForEver(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{Connections: 4, PerAddress: 4})
	var hoard []net.Conn
	for range 4 {
		c := dial(t, address)
		hoard = append(hoard, c)
		if !b.answers(c) || status(t, c, unsigned) != 404 {
			t.Fatal("there are not four connections")
		}
	}
	if n := kept(t, hoard); n != 4 {
		t.Fatalf("of four connections %d are kept while nobody needs a place", n)
	}
	newcomer := dial(t, address)
	if !b.answers(newcomer) {
		t.Error("who signs is not answered while others hold all places")
	}
	if n := kept(t, hoard); n != 3 {
		t.Errorf("%d connections of the hoard are kept beside the newcomer, want 3", n)
	}
	for range 10 { // and they stay what they are
		if _ = kept(t, hoard); !b.answers(dial(t, address)) {
			t.Error("another one is not answered")
		}
	}
}

// Who signs each time holds a place by using it only; who reconnects is served at once.
func TestWhoIsIdleLongestReconnects(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{Connections: 4, PerAddress: 4})
	var in []net.Conn
	for range 12 {
		c := dial(t, address)
		in = append(in, c)
		if !b.answers(c) {
			t.Fatalf("connection %d is not answered", len(in))
		}
	}
	kept := 0
	for _, c := range in {
		if b.answers(c) {
			kept++
		}
	}
	if kept != 4 || !b.answers(in[11]) {
		t.Errorf("%d connections are kept, want 4, and the last among them", kept)
	}
}

// An access key that is disabled holds nothing: the next request on its connections makes them strangers'.
func TestADisabledAccessKeyHoldsNoPlace(t *testing.T) {
	b := newBench(t)
	_, mallory := b.user("mallory", everything)
	address := b.serve(httpapi.Server{Connections: 2, PerAddress: 2})
	healthy, hoarder := dial(t, address), dial(t, address)
	if !b.answers(healthy) || status(t, hoarder, b.signedBy(mallory)) != 200 {
		t.Fatal("there are not two connections")
	}
	do[any](b, "DisableAccessKey", &api.DisableAccessKeyInput{AccessKeyID: &mallory.AccessKeyID})
	if got := status(t, hoarder, b.signedBy(mallory)); got != 400 && got != 403 {
		t.Fatalf("the disabled access key is answered %d", got)
	}
	if !b.answers(dial(t, address)) {
		t.Error("a newcomer is not answered")
	}
	if status(t, hoarder, unsigned) != 0 {
		t.Error("the hoarder's connection is kept")
	}
	if !b.answers(healthy) {
		t.Error("a connection with a good access key was closed in place of one with a disabled one")
	}
}

// heldCore answers when it is let go.
type heldCore struct {
	httpapi.Core
	begun chan struct{}
	let   chan struct{} // closed then
}

func (b *bench) held() heldCore {
	return heldCore{Core: b.service, begun: make(chan struct{}, 64), let: make(chan struct{})}
}

func (c heldCore) Do(ctx context.Context, req kms.Request) (any, error) {
	c.begun <- struct{}{}
	select {
	case <-c.let:
	case <-ctx.Done():
	}
	return c.Core.Do(ctx, req)
}

// What the server has begun for a caller it answers, whoever comes meanwhile.
func TestARequestUnderWayIsNotCutOff(t *testing.T) {
	b := newBench(t)
	core := b.held()
	address := b.serve(httpapi.Server{Handler: b.newHandler(core), Connections: 2, PerAddress: 2})
	first, second := dial(t, address), dial(t, address)
	answered := make(chan bool, 2)
	for _, c := range []net.Conn{first, second} {
		go func() { answered <- b.answers(c) }()
		<-core.begun
	}
	for range 20 {
		if status(t, dial(t, address), unsigned) != 0 {
			t.Error("a newcomer has a place where there is none")
		}
	}
	close(core.let)
	for range 2 {
		if !<-answered {
			t.Error("a request that was under way is not answered")
		}
	}
	eventually(t, "there is room again", func() bool { return status(t, dial(t, address), unsigned) == 404 })
}

// A connection of HTTP/2 is idle when none of its requests is under way.
func TestHTTP2ConnectionsMakeRoomWhenTheyAreIdle(t *testing.T) {
	b := newBench(t)
	core := b.held()
	a, f := newAuthority(t, b.clock.Now()), b.files()
	f.write(a.certify(1))
	address := b.serve(httpapi.Server{Handler: b.newHandler(core), TLS: f.config(), Connections: 2, PerAddress: 2})
	ask := func() error {
		client := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
			RootCAs: a.pool(), ServerName: "kms.example.test", Time: b.clock.Now}}
		t.Cleanup(client.CloseIdleConnections)
		r := b.sign(request("TrentService.ListKeys", `{}`), b.ada)
		r.URL.Scheme, r.URL.Host, r.RequestURI = "https", address, ""
		response, err := client.RoundTrip(r)
		if err == nil && (response.StatusCode != 200 || response.ProtoMajor != 2) {
			t.Errorf("answered %d by %s", response.StatusCode, response.Proto)
		}
		return err
	}
	under := make(chan error, 2)
	for range 2 {
		go func() { under <- ask() }()
		<-core.begun
	}
	if ask() == nil {
		t.Error("a newcomer has a place where there is none")
	}
	close(core.let)
	for range 2 {
		if err := <-under; err != nil {
			t.Errorf("a request that was under way: %v", err)
		}
	}
	eventually(t, "an idle connection makes room", func() bool { return ask() == nil })
}
