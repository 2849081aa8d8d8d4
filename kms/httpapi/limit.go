package httpapi

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/keyhold/keyhold/kms/api"
)

// sitePrefix is how much of an IPv6 address tells one client from another: who has an address has all of its /64
// (RFC 6177).
const sitePrefix = 64

// perPlace is how many octets of a body a place has room for.
const perPlace = 16 << 10

// Limit bounds how many places are taken at a time, in all and by one address, of IPv6 by one /64. A connection takes one,
// which is enough for one request with a body of 16 KiB: each request beyond the first that it has under way takes another,
// and so do each further 16 KiB of a body. So the memory that clients take is bounded, whoever they are.
//
// When there is none left, the stranger that has been there longest has to go: a connection on which no request has
// been authenticated. When all of an address are taken it is the oldest of this address. So who opens connections and
// says nothing, or slowly, drives out nobody but others of that kind. Without strangers the newcomer is closed at once.
func Limit(l net.Listener, total, perAddress int) net.Listener {
	return &limited{Listener: l, total: total, perAddress: perAddress, sites: map[string]*site{}}
}

type limited struct {
	net.Listener
	total, perAddress int

	mu        sync.Mutex
	taken     int
	sites     map[string]*site
	strangers list.List // of *limitedConn, the oldest first
}

// site is what counts as one client. The limited's lock guards it.
type site struct {
	name      string
	taken     int
	strangers list.List
}

// Accept waits for a connection that there is room for.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if here := l.arrive(c); here != nil {
			return here, nil
		}
		_ = c.Close()
	}
}

// client is who counts as one. What has no IP address, such as a Unix socket, is one client.
func client(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return ""
	}
	if ip := at.Addr().Unmap(); ip.Is6() {
		site, _ := ip.WithZone("").Prefix(sitePrefix) // 64 is not too long
		return site.String()
	}
	return at.Addr().Unmap().String()
}

// arrive gives a connection its place; nil when there is none.
func (l *limited) arrive(c net.Conn) *limitedConn {
	name := client(c.RemoteAddr())
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sites[name]
	if s == nil {
		s = &site{name: name}
	}
	if !l.takeLocked(s) {
		return nil
	}
	here := &limitedConn{Conn: c, limit: l, site: s}
	if name != "" { // a Unix socket's clients are known to the kernel
		here.inAll, here.inSite = l.strangers.PushBack(here), s.strangers.PushBack(here)
	}
	return here
}

// takeLocked takes a place, if need be a stranger's.
func (l *limited) takeLocked(s *site) bool {
	switch {
	case s.taken >= l.perAddress:
		if !l.evictLocked(&s.strangers) {
			return false
		}
	case l.taken >= l.total:
		if !l.evictLocked(&l.strangers) {
			return false
		}
	}
	l.taken++
	s.taken++
	l.sites[s.name] = s
	return true
}

// evictLocked closes the oldest of strangers; false when there is none.
func (l *limited) evictLocked(strangers *list.List) bool {
	oldest := strangers.Front()
	if oldest == nil {
		return false
	}
	c := oldest.Value.(*limitedConn)
	c.departLocked()
	_ = c.Conn.Close() // whoever serves it finds out, and closes it once more
	return true
}

func (l *limited) giveLocked(s *site, places int) {
	l.taken -= places
	if s.taken -= places; s.taken == 0 && l.sites[s.name] == s {
		delete(l.sites, s.name)
	}
}

// limitedConn is a connection that has a place. The limited's lock guards what it has beside Conn.
type limitedConn struct {
	net.Conn
	limit *limited
	site  *site

	inAll, inSite *list.Element // of a stranger
	busy          int           // places that its requests need
	gone          bool
}

// Close closes the connection and makes room for another.
func (c *limitedConn) Close() error {
	c.limit.mu.Lock()
	c.departLocked()
	c.limit.mu.Unlock()
	return c.Conn.Close()
}

// departLocked gives back all places that the connection has.
func (c *limitedConn) departLocked() {
	if c.gone {
		return
	}
	c.gone = true
	c.provenLocked()
	c.limit.giveLocked(c.site, max(c.busy, 1))
}

func (c *limitedConn) provenLocked() {
	if c.inAll != nil {
		c.limit.strangers.Remove(c.inAll)
		c.site.strangers.Remove(c.inSite)
		c.inAll, c.inSite = nil, nil
	}
}

// prove has the connection no longer be a stranger's.
func (c *limitedConn) prove() {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.provenLocked()
}

// needs is how many places a request needs.
func needs(r *http.Request) int {
	if r.ContentLength <= perPlace || r.ContentLength > api.MaxBody {
		return 1 // of too large a body nothing is kept
	}
	return int((r.ContentLength + perPlace - 1) / perPlace)
}

// enter takes the places that a request needs, of which the connection has one already; false when there are not so many.
// No request needs more than one address may have.
func (c *limitedConn) enter(places int) bool {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	places = min(places, c.limit.perAddress)
	had, want := max(c.busy, 1), c.busy+places
	for taken := had; taken < want; taken++ {
		if c.gone || !c.limit.takeLocked(c.site) {
			c.limit.giveLocked(c.site, taken-had)
			return false
		}
	}
	if c.gone { // it was the oldest stranger itself
		c.limit.giveLocked(c.site, want-had)
		return false
	}
	c.busy = want
	return true
}

// leave ends what enter began.
func (c *limitedConn) leave(places int) {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	had := max(c.busy, 1)
	if c.busy -= min(places, c.limit.perAddress); !c.gone {
		c.limit.giveLocked(c.site, had-max(c.busy, 1))
	}
}

type connKey struct{}

// withConn has the context of a connection's requests know it.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// connOf is the connection that a request came by; nil where nobody limits them.
func connOf(ctx context.Context) *limitedConn {
	c, _ := ctx.Value(connKey{}).(*limitedConn)
	return c
}
