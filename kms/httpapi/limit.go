package httpapi

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
)

// sitePrefix is how much of an IPv6 address tells one client from another: who has an address has all of its /64
// (RFC 6177).
const sitePrefix = 64

// Limit bounds how many places are taken at a time, in all and by one address, of IPv6 by one /64. A connection takes one,
// which is enough for one request with a body of 16 KiB: each request beyond the first that it has under way takes another,
// and so do each further 16 KiB of a body. So the memory that clients take is bounded, whoever they are.
//
// When there is none left, the stranger that has been one longest has to go: a connection on which no request has been
// authenticated, or none since one that was not. Where there is no stranger, the known connection that has been idle longest
// has to go. When all of an address are taken it is one of this address, so who holds more than others loses first what they
// use least. So who opens connections and says nothing, or slowly, drives out others of that kind and who has nothing to do,
// and nobody holds a place for ever: neither by an access key that was good once, nor by one that is good. A request that
// is authenticated, or came on a known connection, is never cut off; where all have such, the newcomer is closed at once.
//
// Only the http.Server knows when an answer is on the wire whole, so a connection is idle when it says so by heed.
func Limit(l net.Listener, total, perAddress int) net.Listener {
	return &limited{Listener: l, total: total, perAddress: perAddress, sites: map[string]*site{}}
}

type limited struct {
	net.Listener
	total, perAddress int

	mu     sync.Mutex
	taken  int
	sites  map[string]*site
	queues queues
}

// site is what counts as one client. The limited's lock guards it.
type site struct {
	name   string
	taken  int
	queues queues
}

// rank tells whose connections have to go before others.
type rank int

const (
	staying  rank = iota // is not closed: a known one with a request under way, and a Unix socket's
	idle                 // known, and without a request
	stranger             // has to go first
	ranks
)

// queues are connections that may have to go, by rank, those that have had it longest first; there are none of staying.
type queues [ranks]list.List

// first is who has to go, of these ranks, in that order; nil when there is nobody but who asks.
func (q *queues) first(asking *limitedConn, of ...rank) *limitedConn {
	for _, r := range of {
		e := q[r].Front()
		if e != nil && e.Value.(*limitedConn) == asking {
			e = e.Next()
		}
		if e != nil {
			return e.Value.(*limitedConn)
		}
	}
	return nil
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
	here := &limitedConn{Conn: c, limit: l, site: s}
	if !l.takeLocked(here, stranger, idle) {
		return nil
	}
	here.settleLocked()
	return here
}

// takeLocked takes a place for a connection, if need be that of another one of these ranks.
func (l *limited) takeLocked(c *limitedConn, from ...rank) bool {
	switch s := c.site; {
	case s.taken >= l.perAddress:
		if !evictLocked(s.queues.first(c, from...)) {
			return false
		}
	case l.taken >= l.total:
		if !evictLocked(l.queues.first(c, from...)) {
			return false
		}
	}
	l.taken++
	c.site.taken++
	l.sites[c.site.name] = c.site
	return true
}

// evictLocked closes a connection; false when there is none. This is the raw connection below TLS, which closes without a
// word to the other side, so nobody waits for it under the lock.
func evictLocked(c *limitedConn) bool {
	if c == nil {
		return false
	}
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
