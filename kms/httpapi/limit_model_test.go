package httpapi_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"testing"

	"github.com/keyhold/keyhold/kms/httpapi"
)

// modelConn is a connection as Limit should treat it, said in the plainest way.
type modelConn struct {
	c        net.Conn
	from     string
	visits   []*modelVisit
	known    bool
	resting  bool
	closed   bool
	stranger int // since when, if it is one
	idle     int
}

type modelVisit struct {
	v         *httpapi.Visit
	places    int
	authentic bool
}

func (m *modelConn) busy() (n int) {
	for _, v := range m.visits {
		n += v.places
	}
	return n
}

func (m *modelConn) places() int { return max(m.busy(), 1) }

func (m *modelConn) isStranger() bool {
	return !m.closed && !m.known && !slices.ContainsFunc(m.visits, func(v *modelVisit) bool { return v.authentic })
}

func (m *modelConn) isIdle() bool { return !m.closed && m.known && m.resting && len(m.visits) == 0 }

// model is Limit without lists and counters.
type model struct {
	total, perAddress, now int
	conns                  []*modelConn
}

func (m *model) taken(from string) (n int) {
	for _, c := range m.conns {
		if !c.closed && (from == "" || c.from == from) {
			n += c.places()
		}
	}
	return n
}

// settle notes since when each connection has been what it is.
func (m *model) settle() {
	m.now++
	for _, c := range m.conns {
		for since, is := range map[*int]bool{&c.stranger: c.isStranger(), &c.idle: c.isIdle()} {
			switch {
			case !is:
				*since = 0
			case *since == 0:
				*since = m.now
			}
		}
	}
}

// take has room for one place more, for a connection, beside those that it is to have already; somebody may have to go.
func (m *model) take(asking *modelConn, extra int, idleToo bool) bool {
	from := ""
	if m.taken(asking.from)+extra >= m.perAddress {
		from = asking.from
	} else if m.taken("")+extra < m.total {
		return true
	}
	var goes *modelConn
	for _, kind := range []func(*modelConn) int{func(c *modelConn) int { return c.stranger }, func(c *modelConn) int { return c.idle }}[:1+toInt(idleToo)] {
		for _, c := range m.conns {
			if c != asking && (from == "" || c.from == from) && kind(c) > 0 && (goes == nil || kind(c) < kind(goes)) {
				goes = c
			}
		}
		if goes != nil {
			goes.closed = true
			m.settle()
			return true
		}
	}
	return false
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// enter says whether a request has its places.
func (m *model) enter(c *modelConn, places int) bool {
	idleToo := !c.isStranger() || len(c.visits) == 0
	extra := c.busy() + places - c.places()
	for i := range extra {
		if !m.take(c, i, idleToo) {
			return false
		}
	}
	return true
}

// Whatever connections and requests do, Limit does what the model does: so its bounds hold, its counts come back to
// nothing, and nobody who has an authenticated request under way is closed.
func TestLimitDoesWhatItsModelDoes(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { walk(t, rand.New(rand.NewPCG(seed, 1)), 1500) })
	}
}

func walk(t *testing.T, r *rand.Rand, steps int) {
	m := &model{total: 2 + r.IntN(9)}
	m.perAddress = 1 + r.IntN(m.total)
	l := httpapi.Limit(nil, m.total, m.perAddress)
	var story []string
	for range steps {
		story = append(story, m.step(t, l, r))
		m.settle()
		if err := m.agrees(t, l); err != nil {
			t.Fatalf("%d places, %d of an address: %v, after %v", m.total, m.perAddress, err, story[max(0, len(story)-20):])
		}
		m.conns = slices.DeleteFunc(m.conns, func(c *modelConn) bool { return c.closed && len(c.visits) == 0 })
	}
	for _, c := range m.conns {
		_ = c.c.Close()
		for _, v := range c.visits {
			httpapi.Leave(v.v)
		}
	}
	if total, sites := httpapi.Places(l); total != 0 || len(sites) != 0 {
		t.Errorf("when all have gone %d places are taken, and by clients %v", total, sites)
	}
}

// step does one thing that may happen, and tells it.
func (m *model) step(t *testing.T, l net.Listener, r *rand.Rand) string {
	if len(m.conns) == 0 || r.IntN(5) == 0 {
		return m.arrive(t, l, r.IntN(3))
	}
	i := r.IntN(len(m.conns))
	c := m.conns[i]
	kind := r.IntN(20)
	switch {
	case kind == 0:
		c.closed = true
		_ = c.c.Close()
		return fmt.Sprint("close ", i)
	case kind < 8:
		return fmt.Sprint(m.begin(t, c, 1+r.IntN(3)*r.IntN(2)), " on ", i)
	case kind < 10 || len(c.visits) == 0: // of HTTP/2 a request may go on that its client has taken back
		c.resting = true
		httpapi.Rest(c.c)
		return fmt.Sprint("rest ", i)
	}
	at := r.IntN(len(c.visits))
	v := c.visits[at]
	if kind < 14 {
		v.authentic, c.known = true, true
		httpapi.Authentic(v.v)
		return fmt.Sprint("authentic on ", i)
	}
	c.visits = slices.Delete(c.visits, at, at+1)
	c.known = c.known && v.authentic
	httpapi.Leave(v.v)
	return fmt.Sprint("leave ", i)
}

func (m *model) arrive(t *testing.T, l net.Listener, from int) string {
	at := &net.TCPAddr{IP: net.IPv4(192, 0, 2, byte(from)), Port: 1}
	c, _ := net.Pipe()
	here, coming := httpapi.Arrive(l, remote{c, at}), &modelConn{from: at.IP.String()}
	coming.closed = true // until it has a place
	want := m.take(coming, 0, true)
	if (here != nil) != want {
		t.Errorf("a connection from %v has a place: %v, want %v", at.IP, here != nil, want)
	}
	if want && here != nil {
		coming.c, coming.closed = here, false
		m.conns = append(m.conns, coming)
	}
	return fmt.Sprint("from ", from)
}

func (m *model) begin(t *testing.T, c *modelConn, places int) string {
	places = min(places, m.perAddress)
	c.resting = false
	m.settle()
	v, want := httpapi.Begin(c.c, places), !c.closed && m.enter(c, places)
	if (v != nil) != want {
		t.Errorf("a request for %d places has them: %v, want %v", places, v != nil, want)
	}
	if v != nil {
		c.visits = append(c.visits, &modelVisit{v: v, places: places})
	}
	return fmt.Sprint("begin ", places)
}

// agrees compares Limit with the model, and both with what must hold.
func (m *model) agrees(t *testing.T, l net.Listener) error {
	total, sites := httpapi.Places(l)
	if total != m.taken("") || total > m.total {
		return fmt.Errorf("%d places are taken, want %d", total, m.taken(""))
	}
	for name, n := range sites {
		if n != m.taken(name) || n <= 0 || n > m.perAddress {
			return fmt.Errorf("%s has taken %d, want %d", name, n, m.taken(name))
		}
	}
	for i, c := range m.conns {
		if got := isClosed(t, c.c); got != c.closed {
			return fmt.Errorf("connection %d is closed: %v, want %v", i, got, c.closed)
		}
	}
	return nil
}
