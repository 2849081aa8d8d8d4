package load

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
)

// places is how many connections the server takes: the default in make load.
var places = inFull(10_000, 600)

// attack is one way to harm a server.
type attack struct {
	name      string
	perSecond [2]int // the most things it does a second, in make load and in make test
	from      []string
	memory    [2]int64 // MiB by which the server may grow, with places of both
	whole     bool     // it goes on until it has done all
	run       func(ctx context.Context, a *attacker)
	want      string // answers that must have come, and none else; "" for whatever comes
	octets    int64  // the most that the server may take of one request; 0: anything
	holds     int    // how many connections, or requests, it must come to hold; else it was no attack
}

var (
	elsewhere = []string{"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"}
	many      = places + places/5 // connections, more than there are places
)

// plain are the attacks on a server without TLS.
var plain = []attack{
	{name: "connections opened and closed", perSecond: [2]int{5000, 2000}, memory: [2]int64{64, 64}, whole: true, run: churn(100_000, 5_000, (*attacker).touch)},
	{name: "connections that say nothing", holds: places * 9 / 10, perSecond: [2]int{2500, 1500}, memory: [2]int64{400, 64}, run: func(ctx context.Context, a *attacker) {
		a.hold(ctx, many, func(context.Context, net.Conn) {})
	}},
	{name: "slow headers", holds: places * 9 / 10, perSecond: [2]int{2500, 1500}, memory: [2]int64{400, 64}, run: func(ctx context.Context, a *attacker) {
		a.hold(ctx, many, a.drip("POST / HTTP/1.1\r\nHost: x\r\nX-A: ", "a", 3*time.Second))
	}},
	{name: "slow headers from the client's address", holds: places * 9 / 20, perSecond: [2]int{1500, 1500}, from: []string{"127.0.0.1"}, memory: [2]int64{400, 64}, run: func(ctx context.Context, a *attacker) {
		a.hold(ctx, many*6/10, a.drip("POST / HTTP/1.1\r\nHost: x\r\nX-A: ", "a", 3*time.Second))
	}},
	{name: "slow bodies", holds: places / 6, perSecond: [2]int{500, 500}, memory: [2]int64{500, 96}, run: func(ctx context.Context, a *attacker) {
		a.hold(ctx, many, a.drip(a.forged(a.known, 60_000)+strings.Repeat(" ", 40_000), " ", 3*time.Second))
	}},
	{name: "half-closed in the header", perSecond: [2]int{1000, 500}, memory: [2]int64{64, 64}, run: func(ctx context.Context, a *attacker) {
		a.hold(ctx, 200, a.half("POST / HTTP/1.1\r\nHost: x\r\n"))
	}},
	{name: "half-closed in the body", perSecond: [2]int{1000, 500}, memory: [2]int64{64, 64}, run: func(ctx context.Context, a *attacker) {
		a.hold(ctx, 200, a.half(a.forged(a.known, 60_000)+"{"))
	}},
	{name: "idle after a refused request", holds: places * 3 / 4, perSecond: [2]int{1500, 800}, memory: [2]int64{500, 64}, run: func(ctx context.Context, a *attacker) {
		a.hold(ctx, many, a.drip(a.forged("AKIAXXXXXXXXXXXXXXXX", 0), "", time.Hour))
	}},
	{name: "headers of 1 MiB", perSecond: [2]int{50, 20}, memory: [2]int64{64, 64}, want: "431 ", octets: 8 << 20, run: func(ctx context.Context, a *attacker) {
		head := a.forged(a.known, 0)
		a.loop(ctx, 8, func(i int) {
			a.exchange(ctx, i, strings.TrimSuffix(head, "\r\n")+"X-A: ", strings.Repeat("a", 1<<20)+"\r\n\r\n", 1)
		})
	}},
	{name: "bodies of 1 GiB", perSecond: [2]int{20, 10}, memory: [2]int64{64, 64}, want: "413 RequestEntityTooLargeException", octets: 16 << 20, run: func(ctx context.Context, a *attacker) {
		a.loop(ctx, 4, func(i int) { a.exchange(ctx, i, a.forged(a.known, 1<<30), strings.Repeat(" ", 1<<20), 1<<10) })
	}},
	{name: "bodies of 1 GiB in chunks", perSecond: [2]int{20, 10}, memory: [2]int64{64, 64}, want: "400 MalformedHttpRequestException", octets: 16 << 20, run: func(ctx context.Context, a *attacker) {
		head := strings.Replace(a.forged(a.known, 0), "Content-Length: 0", "Transfer-Encoding: chunked", 1)
		a.loop(ctx, 4, func(i int) { a.exchange(ctx, i, head, "100000\r\n"+strings.Repeat(" ", 1<<20)+"\r\n", 1<<10) })
	}},
	{name: "wrong signatures", perSecond: [2]int{1000, 150}, memory: [2]int64{64, 64}, want: "400 InvalidSignatureException", run: func(ctx context.Context, a *attacker) {
		a.flood(ctx, func() sigv4.Credentials { return sigv4.Credentials{AccessKeyID: a.known, SecretAccessKey: []byte("x")} })
	}},
	{name: "unknown access keys, each another", perSecond: [2]int{1000, 150}, memory: [2]int64{64, 64}, want: "400 UnrecognizedClientException", run: func(ctx context.Context, a *attacker) {
		a.flood(ctx, func() sigv4.Credentials {
			return sigv4.Credentials{AccessKeyID: someKeyID(), SecretAccessKey: []byte("x")}
		})
	}},
}

// secure are the attacks on a server with TLS.
var secure = []attack{
	{name: "connections opened and closed (TLS)", perSecond: [2]int{5000, 2000}, memory: [2]int64{64, 64}, whole: true, run: churn(100_000, 5_000, (*attacker).touchSecure)},
	{name: "slow handshakes", holds: places * 9 / 10, perSecond: [2]int{2500, 1500}, memory: [2]int64{500, 64}, run: func(ctx context.Context, a *attacker) {
		a.hold(ctx, many, a.drip("\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "\x00", 3*time.Second))
	}},
	{name: "handshakes and no request", perSecond: [2]int{400, 60}, memory: [2]int64{128, 64}, run: func(ctx context.Context, a *attacker) {
		a.hold2(ctx, 200, func(context.Context, net.Conn) {})
	}},
	{name: "HTTP/2: requests taken back at once", perSecond: [2]int{100, 30}, memory: [2]int64{128, 96}, run: func(ctx context.Context, a *attacker) {
		a.resets(ctx, 8, 10)
	}},
	{name: "HTTP/2: many requests without a body", perSecond: [2]int{50, 30}, memory: [2]int64{500, 96}, run: func(ctx context.Context, a *attacker) {
		a.streams(ctx, many/16, 32) // twice as many requests as there are places
	}},
	{name: "HTTP/2: bodies of 1 GiB", perSecond: [2]int{20, 10}, memory: [2]int64{96, 96}, octets: 16 << 20, want: "413 RequestEntityTooLargeException", run: func(ctx context.Context, a *attacker) {
		a.loop(ctx, 4, func(int) { a.upload(ctx, 1<<30) })
	}},
	{name: "HTTP/2: bodies of 1 GiB without a length", perSecond: [2]int{20, 10}, memory: [2]int64{96, 96}, octets: 16 << 20, want: "400 MalformedHttpRequestException", run: func(ctx context.Context, a *attacker) {
		a.loop(ctx, 4, func(int) { a.upload(ctx, -1) })
	}},
}

// churn does something to so many connections, and then goes.
func churn(all, short int64, touch func(a *attacker, ctx context.Context, number int)) func(context.Context, *attacker) {
	return func(ctx context.Context, a *attacker) {
		total := inFull(all, short)
		ctx, enough := context.WithCancel(ctx)
		defer enough()
		a.loop(ctx, 100, func(int) {
			n := a.did.Add(1)
			if n > total {
				a.did.Add(-1)
				enough()
				return
			}
			touch(a, ctx, int(n))
		})
	}
}

// touch opens a connection and closes it: at once, after half a header, with a reset or without.
func (a *attacker) touch(ctx context.Context, number int) {
	a.touchWith(ctx, number, "POST / HTTP/1.1\r\nHost: x\r\n")
}

// touchSecure is touch with half a handshake.
func (a *attacker) touchSecure(ctx context.Context, number int) {
	a.touchWith(ctx, number, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc")
}

func (a *attacker) touchWith(ctx context.Context, number int, half string) {
	c, err := a.dial(ctx, number)
	if err != nil {
		a.refused.Add(1)
		return
	}
	if number%2 == 0 {
		_, _ = io.WriteString(c, half)
	}
	if number%4 < 2 {
		_ = c.(*net.TCPConn).SetLinger(0)
	}
	_ = c.Close()
}

// half says text and closes its side.
func (a *attacker) half(text string) func(context.Context, net.Conn) {
	return func(_ context.Context, c net.Conn) {
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
	}
}

// exchange sends a request, with a part of it many times over until the server has had enough, and notes the answer.
func (a *attacker) exchange(ctx context.Context, number int, head, part string, times int) {
	c, err := a.dial(ctx, number)
	if err != nil {
		a.refused.Add(1)
		return
	}
	defer c.Close() //nolint:errcheck // it ends the writer
	a.did.Add(1)
	_ = c.SetDeadline(time.Now().Add(soon))
	sent := make(chan int64, 1)
	go func() {
		n, err := io.WriteString(c, head)
		total := int64(n)
		for i := 0; i < times && err == nil; i++ {
			n, err = io.WriteString(c, part)
			total += int64(n)
		}
		sent <- total
	}()
	a.note(readAnswer(c))
	_ = c.Close()
	a.sent(<-sent)
}

// upload sends a request with a body of 1 GiB by HTTP/2.
func (a *attacker) upload(ctx context.Context, length int64) {
	body := &endless{left: 1 << 30}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+a.address+"/", body)
	if err != nil {
		a.t.Error(err)
		return
	}
	r.ContentLength = length
	now := time.Now().UTC()
	for name, value := range map[string]string{"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.ListKeys",
		"X-Amz-Date": now.Format("20060102T150405Z"), "Authorization": forgedAuthorization(a.known, now)} {
		r.Header.Set(name, value)
	}
	transport := &http.Transport{TLSClientConfig: a.trust.Clone(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	a.did.Add(1)
	a.note(parseAnswer(transport.RoundTrip(r)))
	a.sent(body.read.Load())
}

// flood sends requests that are in order but for who signs them.
func (a *attacker) flood(ctx context.Context, who func() sigv4.Credentials) {
	c := &client{url: "http://" + a.address, http: &http.Client{Timeout: soon, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	defer c.close()
	a.loop(ctx, 16, func(int) {
		one := *c
		one.who = who()
		o := one.ask(ctx, "ListKeys", map[string]any{})
		if ctx.Err() != nil {
			return
		}
		a.did.Add(1)
		a.note(o.status, o.code, o.err)
	})
}

// someKeyID has the form of an access key's id.
func someKeyID() string {
	id := []byte("AKIA")
	for range 16 {
		id = append(id, byte('A'+rand.IntN(26)))
	}
	return string(id)
}
