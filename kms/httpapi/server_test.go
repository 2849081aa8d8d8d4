package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/httpapi"
)

const moment = 200 * time.Millisecond

func TestWhoIsSlowWithAHeaderIsNotWaitedFor(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{HeaderTime: moment, RequestTime: time.Hour})
	for _, octets := range []string{"", "P", "POST / HTTP/1.1\r\nHost: x\r\nX-A"} {
		c := dial(t, address)
		stop := make(chan struct{})
		go func() { // which says something now and then, so that it never is idle
			for i := 0; ; i++ {
				if _, err := io.WriteString(c, octets[min(i, len(octets)):min(i+1, len(octets))]); err != nil {
					return
				}
				select {
				case <-stop:
					return
				case <-time.After(moment / 20):
				}
			}
		}()
		// An octet that comes when the server has gone is answered with a reset.
		if answer, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(answer), "200 OK") {
			t.Errorf("%q: got %q, %v", octets, answer, err)
		}
		close(stop)
	}
}

func TestWhoIsSlowWithABodyIsNotWaitedFor(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{HeaderTime: time.Hour, RequestTime: time.Second})
	c := dial(t, address)
	_, _ = io.WriteString(c, b.signed("TrentService.ListKeys", strings.Repeat(" ", 100)).text("POST / HTTP/1.1", " ", "Content-Length: 100"))
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.refused(b.check(r), 408, "RequestTimeoutException", "The request's body did not come in time.")
}

// The time for a request is over with its body: who asks for something slow is not taken for slow, nor for gone.
func TestTheTimeForARequestIsNotTheTimeForItsAnswer(t *testing.T) {
	b := newBench(t)
	slow := &slowCore{Core: b.service, takes: time.Second}
	address := b.serve(httpapi.Server{Handler: b.newHandler(slow), HeaderTime: time.Hour, RequestTime: moment})
	got := exchange(t, address, b.signed("TrentService.ListKeys", `{}`).text("POST / HTTP/1.1", `{}`, "Content-Length: 2", "Connection: close"))
	if len(got) != 1 || got[0].status != 200 || slow.told.Load() {
		t.Errorf("got %v; told to stop: %v", got, slow.told.Load())
	}
}

// slowCore takes its time. When it is told to stop it takes a moment more.
type slowCore struct {
	httpapi.Core
	takes  time.Duration
	begun  chan struct{}
	inside atomic.Int32
	told   atomic.Bool
}

func (c *slowCore) Do(ctx context.Context, req kms.Request) (any, error) {
	c.inside.Add(1)
	defer c.inside.Add(-1)
	if c.begun != nil {
		c.begun <- struct{}{}
	}
	select {
	case <-time.After(c.takes):
	case <-ctx.Done():
		c.told.Store(true)
		time.Sleep(moment)
	}
	return c.Core.Do(ctx, req)
}

// Large bodies are few at a time, so that nobody fills the memory with them; who sends small ones does not wait.
func TestLargeBodiesAreFewAtATime(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{RequestTime: time.Hour, AnswerTime: time.Hour}) // whose bodies are held for as long as it takes
	body := strings.Repeat(" ", 100_000)
	head := b.signed("TrentService.ListKeys", body).text("POST / HTTP/1.1", " ", "Content-Length: "+strconv.Itoa(len(body)), "Expect: 100-continue")
	held := make([]net.Conn, 16)
	for i := range held {
		held[i] = dial(t, address)
		_, _ = io.WriteString(held[i], head)
		if line, err := bufio.NewReader(held[i]).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("got %q, %v", line, err)
		}
	}
	one := dial(t, address)
	_, _ = io.WriteString(one, head)
	r, err := http.ReadResponse(bufio.NewReader(one), nil)
	if err != nil {
		t.Fatal(err)
	}
	b.refused(b.check(r), 400, "ThrottlingException", "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
	if got := b.call("TrentService.ListKeys", `{}`); got.status != 200 {
		t.Errorf("a small body is not taken: %d %s", got.status, got.body)
	}
	for _, c := range held {
		_ = c.Close()
	}
	eventually(t, "the room is free again", func() bool {
		return b.call("TrentService.ListKeys", `{"Limit":1}`+body).status == 200
	})
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so: %s", what)
		}
	}
}

func TestConnectionsOfOneAddressAreLimited(t *testing.T) {
	b := newBench(t)
	address := b.serve(httpapi.Server{PerAddress: 3})
	var open []net.Conn
	for range 3 {
		open = append(open, dial(t, address))
		if !b.answers(open[len(open)-1]) {
			t.Fatal("a connection within the limit is not answered")
		}
	}
	if !b.answers(dial(t, address)) {
		t.Error("a fourth connection, when the others are idle, is not answered")
	}
	kept := 0
	for _, c := range open {
		if b.answers(c) {
			kept++
		}
	}
	if kept != 2 {
		t.Errorf("beside it %d connections are kept, want 2", kept)
	}
}

// answers tells whether a connection is answered, which it may be again.
func (b *bench) answers(c net.Conn) bool {
	b.t.Helper()
	_, _ = io.WriteString(c, b.signed("TrentService.ListKeys", `{}`).text("POST / HTTP/1.1", `{}`, "Content-Length: 2"))
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil && r.StatusCode == 200
}

// pipe is a listener of connections from addresses of a test's choice.
type pipe struct {
	net.Listener
	from chan string
}

func (p pipe) Accept() (net.Conn, error) {
	c, _ := net.Pipe()
	at, err := net.ResolveTCPAddr("tcp", <-p.from)
	return remote{c, at}, err
}

type remote struct {
	net.Conn
	at net.Addr
}

func (r remote) RemoteAddr() net.Addr { return r.at }

func TestWhoHasAnIPv6AddressHasAllOfItsNetwork(t *testing.T) {
	p := pipe{from: make(chan string, 16)}
	for _, from := range []string{"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8:0:1::1]:1", "[::ffff:192.0.2.1]:1", "192.0.2.1:2", "192.0.2.2:1"} {
		p.from <- from
	}
	l := httpapi.Limit(p, 100, 1)
	for _, want := range []string{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", "192.0.2.1:1", "192.0.2.2:1"} {
		c, err := l.Accept()
		if err != nil || c.RemoteAddr().String() != want {
			t.Fatalf("accepted %v, %v; want %s", c.RemoteAddr(), err, want)
		}
		httpapi.Authentic(begins(t, c, 1)) // whose connection makes no room for another one
	}
}

// stopping is a server with one request under way, in a core that says when it has begun.
func (b *bench) stopping(core httpapi.Core, begun <-chan struct{}, grace time.Duration) (answer chan *http.Response, stop context.CancelFunc, ended chan error, shut chan struct{}) {
	b.t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	l := &door{Listener: tcp, shut: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	ended, answer = make(chan error, 1), make(chan *http.Response, 1)
	go func() { ended <- httpapi.Server{Handler: b.newHandler(core), Grace: grace}.Serve(ctx, l) }()
	c := dial(b.t, l.Addr().String())
	_, _ = io.WriteString(c, b.signed("TrentService.ListKeys", `{}`).text("POST / HTTP/1.1", `{}`, "Content-Length: 2"))
	go func() {
		r, _ := http.ReadResponse(bufio.NewReader(c), nil)
		answer <- r
	}()
	<-begun
	return answer, stop, ended, l.shut
}

// door is a listener of which one can tell that it has been closed. To dial its address would not tell: another program
// may have got that by then.
type door struct {
	net.Listener
	once sync.Once
	shut chan struct{}
}

func (d *door) Close() error {
	defer d.once.Do(func() { close(d.shut) })
	return d.Listener.Close()
}

func TestTheEndWaitsForWhatWasTaken(t *testing.T) {
	b := newBench(t)
	core := b.held()
	answer, stop, ended, shut := b.stopping(core, core.begun, patience)
	stop()
	select {
	case <-shut:
	case <-time.After(patience):
		t.Error("new connections are still taken")
	}
	close(core.let)
	if r := <-answer; r == nil || r.StatusCode != 200 {
		t.Errorf("the request that was under way got %v", r)
	}
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

func TestTheEndDoesNotWaitForEver(t *testing.T) {
	b := newBench(t)
	core := &slowCore{Core: b.service, takes: time.Hour, begun: make(chan struct{}, 1)}
	_, stop, ended, _ := b.stopping(core, core.begun, moment)
	stop()
	err := <-ended
	if err == nil || err.Error() != "requests were still under way after 200ms and have been cut off" {
		t.Errorf("the server ended with %v", err)
	}
	if n := core.inside.Load(); n != 0 {
		t.Errorf("%d requests are still under way when the server has ended", n)
	}
}

func TestAServerWithoutAListenerSaysSo(t *testing.T) {
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := (httpapi.Server{Handler: b.handler}).Serve(t.Context(), l); err == nil || !strings.Contains(err.Error(), "answer connections on 127.0.0.1:") {
		t.Errorf("the server ended with %v", err)
	}
}
