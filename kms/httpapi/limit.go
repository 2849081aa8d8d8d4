package httpapi

import (
	"net"
	"net/netip"
	"sync"
)

// sitePrefix is how much of an IPv6 address tells one client from another: who has an address has all of its /64
// (RFC 6177).
const sitePrefix = 64

// Limit bounds how many connections are open at a time, in all and from one address, of IPv6 from one /64; further ones
// are closed at once, so that whoever holds many leaves the others theirs.
func Limit(l net.Listener, total, perAddress int) net.Listener {
	return &limited{Listener: l, total: total, perAddress: perAddress, open: map[string]int{}}
}

type limited struct {
	net.Listener
	total, perAddress int

	mu   sync.Mutex
	all  int
	open map[string]int
}

// Accept waits for a connection that there is room for.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := client(c.RemoteAddr())
		if l.take(from) {
			return &limitedConn{Conn: c, release: sync.OnceFunc(func() { l.release(from) })}, nil
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

func (l *limited) take(from string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.total || l.open[from] >= l.perAddress {
		return false
	}
	l.all++
	l.open[from]++
	return true
}

func (l *limited) release(from string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.open[from]--; l.open[from] == 0 {
		delete(l.open, from)
	}
}

type limitedConn struct {
	net.Conn
	release func()
}

// Close closes the connection and makes room for another.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
