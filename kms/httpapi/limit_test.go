package httpapi_test

import (
	"errors"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/httpapi"
)

// guests are connections to a listener of so many places, one from each address.
func guests(t *testing.T, total, perAddress int, from ...string) (net.Listener, pipe, []net.Conn) {
	t.Helper()
	p := pipe{from: make(chan string, 64)}
	l := httpapi.Limit(p, total, perAddress)
	var in []net.Conn
	for _, address := range from {
		in = append(in, arrives(t, l, p, address))
	}
	return l, p, in
}

// arrives is a connection that is taken, at once.
func arrives(t *testing.T, l net.Listener, p pipe, from string) net.Conn {
	t.Helper()
	p.from <- from
	taken := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		taken <- c
	}()
	select {
	case c := <-taken:
		return c
	case <-time.After(patience):
		t.Fatalf("%s is not taken", from)
		return nil
	}
}

// isClosed tells whether the server has closed a connection.
func isClosed(t *testing.T, c net.Conn) bool {
	t.Helper()
	_ = c.SetReadDeadline(time.Now())
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, io.ErrClosedPipe)
}

func wantClosed(t *testing.T, all []net.Conn, want ...bool) {
	t.Helper()
	for i, c := range all {
		if got := isClosed(t, c); got != want[i] {
			t.Errorf("connection %d, from %v: closed %v, want %v", i, c.RemoteAddr(), got, want[i])
		}
	}
}

// Whoever shows that they have an access key keeps their connections, and of the others the oldest makes room.
func TestWhoIsKnownIsNotDrivenOutByStrangers(t *testing.T) {
	l, p, in := guests(t, 3, 3, "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1")
	httpapi.Prove(in[0])
	for i := range 4 {
		in = append(in, arrives(t, l, p, "192.0.2.9:"+strconv.Itoa(i+1)))
	}
	wantClosed(t, in, false, true, true, true, true, false, false)
	_, _ = in[1].Close(), in[1].Close() // which the server does when it finds out; it makes no more room
	in = append(in, arrives(t, l, p, "192.0.2.2:2"))
	wantClosed(t, in, false, true, true, true, true, true, false, false)
}

func TestStrangersOfAnAddressMakeRoomForEachOther(t *testing.T) {
	l, p, in := guests(t, 10, 2, "192.0.2.2:1", "192.0.2.1:1", "192.0.2.1:2")
	httpapi.Prove(in[2])
	in = append(in, arrives(t, l, p, "192.0.2.1:3"))
	wantClosed(t, in, false, true, false, false)
}

func TestWithoutStrangersNobodyMakesRoom(t *testing.T) {
	l, p, in := guests(t, 2, 2, "192.0.2.1:1", "192.0.2.2:1")
	httpapi.Prove(in[0])
	httpapi.Prove(in[1])
	p.from <- "192.0.2.3:1" // is closed
	taken := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		taken <- c
	}()
	select {
	case c := <-taken:
		t.Fatalf("one more is taken, from %v", c.RemoteAddr())
	case <-time.After(moment):
	}
	_ = in[0].Close()
	p.from <- "192.0.2.4:1"
	if c := <-taken; c.RemoteAddr().String() != "192.0.2.4:1" {
		t.Errorf("taken is %v", c.RemoteAddr())
	}
	wantClosed(t, in[1:], false)
}

// One connection of HTTP/2 has many requests at a time, and each costs memory as a connection does.
func TestRequestsOfOneConnectionTakePlacesToo(t *testing.T) {
	l, p, in := guests(t, 4, 4, "192.0.2.1:1", "192.0.2.2:1")
	httpapi.Prove(in[0])
	for i, want := range []bool{true, true, true} { // with the other connection, four places
		if got := httpapi.Begin(in[0], 1); got != want {
			t.Fatalf("request %d: %v", i, got)
		}
	}
	if !httpapi.Begin(in[0], 1) || !isClosed(t, in[1]) {
		t.Error("the stranger did not make room for a request")
	}
	if httpapi.Begin(in[0], 1) {
		t.Error("a fifth request has a place")
	}
	httpapi.End(in[0], 1)
	in = append(in, arrives(t, l, p, "192.0.2.3:1"))
	if !httpapi.Begin(in[2], 1) {
		t.Error("the first request of a connection needs a place beside it")
	}
	if httpapi.Begin(in[2], 1) || !isClosed(t, in[2]) {
		t.Error("a stranger with many requests does not make room")
	}
	httpapi.End(in[2], 1)
	for range 3 {
		httpapi.End(in[0], 1)
	}
	_ = in[0].Close()
	_, _ = arrives(t, l, p, "192.0.2.4:1"), arrives(t, l, p, "192.0.2.4:2")
	three, four := arrives(t, l, p, "192.0.2.4:3"), arrives(t, l, p, "192.0.2.4:4")
	wantClosed(t, []net.Conn{three, four}, false, false)
}

// Who announces a large body takes as much room as those who announce small ones, and gives it back.
func TestALargeBodyTakesManyPlaces(t *testing.T) {
	l, p, in := guests(t, 5, 5, "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1")
	httpapi.Prove(in[0])
	if !httpapi.Begin(in[0], 4) { // two are free, and one is a stranger's
		t.Fatal("there is no room for a body of 64 KiB")
	}
	wantClosed(t, in, false, true, false)
	if httpapi.Begin(in[2], 4) { // its own is not enough
		t.Error("there is room for another one")
	}
	httpapi.End(in[0], 4)
	for i := range 3 { // and with the first one there are four: the fifth place is free
		in = append(in, arrives(t, l, p, "192.0.2.4:"+strconv.Itoa(i+1)))
	}
	wantClosed(t, in[3:], false, false, false)
	if !httpapi.Begin(in[0], 2) || !httpapi.Begin(in[0], 1) { // one is free, the other a stranger's
		t.Error("two requests of a connection that is known have no room")
	}
	wantClosed(t, in[3:], true, false, false)
}

// Where there are few places a large body does not need more than there are.
func TestALargeBodyHasRoomWhereThereAreFewPlaces(t *testing.T) {
	_, _, in := guests(t, 2, 1, "192.0.2.1:1")
	for range 2 {
		if !httpapi.Begin(in[0], 64) {
			t.Fatal("there is no room for a body of 1 MiB")
		}
		httpapi.End(in[0], 64)
	}
}

// The commands of the directory's owner come by a Unix socket, and are never strangers.
func TestClientsOfAUnixSocketAreNoStrangers(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/socket")
	if err != nil {
		t.Fatal(err)
	}
	limited := httpapi.Limit(l, 1, 1)
	t.Cleanup(func() { _ = limited.Close() })
	dialled := make([]net.Conn, 2)
	for i := range dialled {
		if dialled[i], err = net.Dial("unix", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	first, err := limited.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = limited.Accept() }() // which closes the second one
	if _, err := dialled[1].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the second one: %v", err)
	}
	if _, err := io.WriteString(first, "x"); err != nil {
		t.Errorf("the first one: %v", err)
	}
}
