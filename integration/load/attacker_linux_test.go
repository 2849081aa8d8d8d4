package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// attacker is who has no secret, but may know the id of an access key. It does at most perSecond things a second.
type attacker struct {
	t       *testing.T
	address string      // of the server
	trust   *tls.Config // for HTTP/2; nil on a plain server
	known   string      // the id of an access key that is in use
	from    []string    // its own addresses
	turns   chan struct{}

	opened, refused, did atomic.Int64
	held, mostHeld       atomic.Int64 // connections
	octets, most         atomic.Int64 // sent in all, and of one request
	answers              sync.Map     // of string to *atomic.Int64: how often something was answered
}

// openFiles is how many files this process and the server may have open: more than the connections of any attack.
func openFiles(t *testing.T, wanted uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur >= wanted {
		return
	}
	limit.Cur, limit.Max = wanted, max(limit.Max, wanted) // beyond the old Max only root may go
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatalf("this needs %d open files: %v; raise ulimit -n", wanted, err)
	}
}

// turn waits until the attacker may do one more thing; false when it is over.
func (a *attacker) turn(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-a.turns:
		return true
	}
}

// pace gives turns until ctx ends.
func (a *attacker) pace(ctx context.Context, perSecond int) {
	const ticks = 100
	tick := time.NewTicker(time.Second / ticks)
	defer tick.Stop()
	began, given := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * float64(perSecond)); given < due; given++ {
			select {
			case a.turns <- struct{}{}:
			default: // nobody is ready: what was missed is not made up for
			}
		}
	}
}

// dial opens a connection from one of the attacker's addresses, which is closed when ctx ends.
func (a *attacker) dial(ctx context.Context, number int) (net.Conn, error) {
	local := &net.TCPAddr{IP: net.ParseIP(a.from[number%len(a.from)])}
	dialer := net.Dialer{LocalAddr: local, Timeout: soon, Control: reuse}
	c, err := dialer.DialContext(ctx, "tcp", a.address)
	if err != nil {
		return nil, err
	}
	a.opened.Add(1)
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return c, nil
}

// reuse leaves the choice of the port to connect, so that ports are counted by pairs of addresses (ip(7), IP_BIND_ADDRESS_NO_PORT).
func reuse(_, _ string, raw syscall.RawConn) error {
	const bindAddressNoPort = 24
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1)
	})
	if err != nil {
		return err
	}
	return failed
}

// hold has n connections open at a time: a connection that the server closes is opened anew, when its turn comes. On each
// talk says something, and what the server says is read and forgotten.
func (a *attacker) hold(ctx context.Context, n int, talk func(ctx context.Context, c net.Conn)) {
	a.loop(ctx, n, func(number int) { a.once(ctx, number, talk) })
}

// loop does something in n places at a time, again and again.
func (a *attacker) loop(ctx context.Context, n int, do func(number int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for a.turn(ctx) {
				do(i)
			}
		})
	}
	all.Wait()
}

// once is one connection, until the server or ctx ends it.
func (a *attacker) once(ctx context.Context, number int, talk func(ctx context.Context, c net.Conn)) {
	c, err := a.dial(ctx, number)
	if err != nil {
		a.refused.Add(1)
		return
	}
	defer c.Close() //nolint:errcheck // it was closed to end it
	a.stay(ctx, c, func(open context.Context) { talk(open, c) })
}

// stay talks on a connection, and holds it until the server or ctx ends it.
func (a *attacker) stay(ctx context.Context, c io.Reader, talk func(open context.Context)) {
	defer a.holds()()
	open, end := context.WithCancel(ctx)
	defer end()
	go func() {
		defer end()
		_, _ = io.Copy(io.Discard, c)
	}()
	talk(open)
	<-open.Done()
	if ctx.Err() == nil {
		a.refused.Add(1) // by the server's hand
	}
}

// holds counts a connection that is held until the answer is called.
func (a *attacker) holds() func() {
	raise(&a.mostHeld, a.held.Add(1))
	return func() { a.held.Add(-1) }
}

// raise has n be at least value.
func raise(n *atomic.Int64, value int64) {
	for most := n.Load(); value > most && !n.CompareAndSwap(most, value); most = n.Load() {
	}
}

// drip says text, and then a little now and then, until the connection ends.
func (a *attacker) drip(text, little string, every time.Duration) func(context.Context, net.Conn) {
	return func(ctx context.Context, c net.Conn) {
		for say := text; ; say = little {
			n, err := io.WriteString(c, say)
			a.octets.Add(int64(n))
			if err != nil {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
			}
		}
	}
}

func (a *attacker) String() string {
	return fmt.Sprintf("%d connections opened, %d held, %d closed by the server, %d requests, %.1f MiB sent", a.opened.Load(), a.mostHeld.Load(),
		a.refused.Load(), a.did.Load(), float64(a.octets.Load())/(1<<20))
}

// forged is a request with a signature in order of form and wrong, up to its body, of which so many octets are announced.
func (a *attacker) forged(id string, length int) string {
	now := time.Now().UTC()
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: TrentService.ListKeys\r\n"+
		"X-Amz-Date: %s\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n", a.address, now.Format("20060102T150405Z"), forgedAuthorization(id, now), length)
}

func forgedAuthorization(id string, now time.Time) string {
	return fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s/%s/kms/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=%064d",
		id, now.Format("20060102"), region, 0)
}
