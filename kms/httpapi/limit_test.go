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

// prove has a connection be one on which a request was authenticated, which has been answered.
func prove(t *testing.T, c net.Conn) {
	t.Helper()
	v := begins(t, c, 1)
	httpapi.Authentic(v)
	ends(c, v)
}

// begins is a request that has its places.
func begins(t *testing.T, c net.Conn, places int) *httpapi.Visit {
	t.Helper()
	v := httpapi.Begin(c, places)
	if v == nil {
		t.Fatalf("a request from %v has no place", c.RemoteAddr())
	}
	return v
}

// ends is the end of the only request of a connection.
func ends(c net.Conn, v *httpapi.Visit) {
	httpapi.Leave(v)
	httpapi.Rest(c)
}

// isRefused asserts that a connection that comes from there is not taken.
func isRefused(t *testing.T, l net.Listener, from string) {
	t.Helper()
	at, err := net.ResolveTCPAddr("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := net.Pipe()
	if httpapi.Arrive(l, remote{c, at}) != nil {
		t.Errorf("%s is taken", from)
	}
}

// Whoever shows that they have an access key keeps their connections, and of the others the oldest makes room.
func TestWhoIsKnownIsNotDrivenOutByStrangers(t *testing.T) {
	l, p, in := guests(t, 3, 3, "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1")
	prove(t, in[0])
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
	prove(t, in[2])
	in = append(in, arrives(t, l, p, "192.0.2.1:3"))
	wantClosed(t, in, false, true, false, false)
}

// A request that was let in is done and answered, so its connection is not closed for somebody else's.
func TestWhoHasARequestUnderWayMakesNoRoom(t *testing.T) {
	l, p, in := guests(t, 2, 2, "192.0.2.1:1", "192.0.2.2:1")
	for _, c := range in {
		prove(t, c)
	}
	first, second := begins(t, in[0], 1), begins(t, in[1], 1)
	isRefused(t, l, "192.0.2.3:1")
	httpapi.Authentic(first)
	httpapi.Leave(first) // and the answer is not on the wire yet
	isRefused(t, l, "192.0.2.3:2")
	httpapi.Authentic(second)
	_ = in[0].Close()
	in = append(in, arrives(t, l, p, "192.0.2.4:1"))
	wantClosed(t, in[1:], false, false)
	ends(in[1], second)
	prove(t, in[2])
	in = append(in, arrives(t, l, p, "192.0.2.5:1"))
	wantClosed(t, in[1:], true, false, false)
}

// Nobody holds places by doing nothing: where all are known, who has been idle longest makes room, whenever they came.
func TestWithoutStrangersTheLongestIdleMakesRoom(t *testing.T) {
	l, p, in := guests(t, 3, 3, "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1")
	for _, i := range []int{1, 0, 2, 1} {
		prove(t, in[i])
	}
	in = append(in, arrives(t, l, p, "192.0.2.4:1"))
	wantClosed(t, in, true, false, false, false)
	in = append(in, arrives(t, l, p, "192.0.2.4:2")) // the stranger goes before those that are known
	wantClosed(t, in, true, false, false, true, false)
	prove(t, in[4])
	in = append(in, arrives(t, l, p, "192.0.2.4:3"))
	wantClosed(t, in, true, false, true, true, false, false)
}

// Who fills all places of an address has the first of their own closed, and nobody of another address.
func TestTheLongestIdleOfAnAddressMakesRoomInIt(t *testing.T) {
	l, p, in := guests(t, 10, 2, "192.0.2.2:1", "192.0.2.1:1", "192.0.2.1:2")
	for _, c := range in {
		prove(t, c)
	}
	in = append(in, arrives(t, l, p, "192.0.2.1:3"))
	wantClosed(t, in, false, true, false, false)
}

// Who was known once and is refused now, as with an access key that was disabled, is a stranger as if it had just come.
func TestWhoIsRefusedIsAStrangerAgain(t *testing.T) {
	l, p, in := guests(t, 4, 4, "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.4:1")
	for _, c := range in[:3] {
		prove(t, c)
	}
	for _, i := range []int{1, 0, 1, 3} { // that it is refused twice, or never was known, makes nobody newer
		ends(in[i], begins(t, in[i], 1))
	}
	for i, want := range [][]bool{
		{false, false, false, true},
		{false, true, false, true, false},
		{true, true, false, true, false, false},
	} {
		in = append(in, arrives(t, l, p, "192.0.2.9:"+strconv.Itoa(i+1)))
		wantClosed(t, in[:len(in)-1], want...)
	}
}

// On a connection of HTTP/2 one request may be refused while another is done, which is not cut off for that.
func TestARequestThatIsRefusedDoesNotCutOffAnother(t *testing.T) {
	l, _, in := guests(t, 2, 2, "192.0.2.1:1")
	good, bad := begins(t, in[0], 1), begins(t, in[0], 1)
	httpapi.Authentic(good)
	httpapi.Authentic(good) // once more is once
	isRefused(t, l, "192.0.2.2:1")
	httpapi.Leave(bad)
	second := begins(t, in[0], 1)
	isRefused(t, l, "192.0.2.2:1")
	wantClosed(t, in, false)
	httpapi.Leave(good)
	wantClosed(t, in, false)
	c, _ := net.Pipe()
	at := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 3), Port: 1}
	if httpapi.Arrive(l, remote{c, at}) == nil {
		t.Error("there is no room beside one request")
	}
	isStranger := httpapi.Arrive(l, remote{c, at}) != nil
	if !isStranger || !isClosed(t, in[0]) {
		t.Error("who was refused is no stranger when the good request is answered")
	}
	httpapi.Leave(second)
}

// One connection of HTTP/2 has many requests at a time, and each costs memory as a connection does.
func TestRequestsOfOneConnectionTakePlacesToo(t *testing.T) {
	l, p, in := guests(t, 4, 4, "192.0.2.1:1", "192.0.2.2:1")
	prove(t, in[0])
	var under []*httpapi.Visit
	for range 3 { // with the other connection, four places
		under = append(under, begins(t, in[0], 1))
	}
	under = append(under, begins(t, in[0], 1))
	if !isClosed(t, in[1]) {
		t.Error("the stranger did not make room for a request")
	}
	if httpapi.Begin(in[0], 1) != nil {
		t.Error("a fifth request has a place")
	}
	httpapi.Leave(under[3])
	httpapi.Authentic(under[2])
	in = append(in, arrives(t, l, p, "192.0.2.3:1"))
	strange := begins(t, in[2], 1) // the first request of a connection needs no place beside it
	if httpapi.Begin(in[2], 1) != nil || isClosed(t, in[2]) {
		t.Error("a second one has a place, or has cut off the first")
	}
	ends(in[2], strange)
	for _, v := range under[:3] {
		httpapi.Leave(v)
	}
	_ = in[0].Close()
	_, _ = arrives(t, l, p, "192.0.2.4:1"), arrives(t, l, p, "192.0.2.4:2")
	three, four := arrives(t, l, p, "192.0.2.4:3"), arrives(t, l, p, "192.0.2.4:4")
	wantClosed(t, []net.Conn{in[2], three, four}, true, false, false)
}

// Who has not shown an access key drives out those that are idle for one request, and no more of them for others.
func TestOneRequestOfAStrangerDrivesOutWhoIsIdle(t *testing.T) {
	_, _, in := guests(t, 4, 4, "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "192.0.2.4:1")
	for _, c := range in[:3] {
		prove(t, c)
	}
	first := begins(t, in[3], 2)
	wantClosed(t, in, true, false, false, false)
	if httpapi.Begin(in[3], 1) != nil {
		t.Error("a stranger's second request has a place")
	}
	wantClosed(t, in, true, false, false, false)
	httpapi.Authentic(first)
	_ = begins(t, in[3], 1)
	wantClosed(t, in, true, true, false, false)
}

// Who announces a large body takes as much room as those who announce small ones, and gives it back.
func TestALargeBodyTakesManyPlaces(t *testing.T) {
	l, p, in := guests(t, 5, 5, "192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1")
	prove(t, in[0])
	large := begins(t, in[0], 4) // two are free, and one is a stranger's
	wantClosed(t, in, false, true, false)
	if httpapi.Begin(in[2], 4) != nil { // its own is not enough
		t.Error("there is room for another one")
	}
	httpapi.Authentic(large)
	ends(in[0], large)
	for i := range 4 { // the first one has given three back
		in = append(in, arrives(t, l, p, "192.0.2.4:"+strconv.Itoa(i+1)))
	}
	wantClosed(t, in, false, true, true, false, false, false, false)
	_, _ = begins(t, in[0], 2), begins(t, in[0], 1) // both are strangers'
	wantClosed(t, in[3:], true, true, false, false)
}

// Where there are few places a large body does not need more than there are.
func TestALargeBodyHasRoomWhereThereAreFewPlaces(t *testing.T) {
	_, _, in := guests(t, 2, 1, "192.0.2.1:1")
	for range 2 {
		ends(in[0], begins(t, in[0], 64))
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
