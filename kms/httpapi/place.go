package httpapi

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"

	"github.com/keyhold/keyhold/kms/api"
)

// perPlace is how many octets of a body a place has room for.
const perPlace = 16 << 10

// limitedConn is a connection that has a place. The limited's lock guards what it has beside Conn.
type limitedConn struct {
	net.Conn
	limit *limited
	site  *site

	rank          rank
	inAll, inSite *list.Element // of the queues, for a rank that has them
	known         bool          // the last request that was judged was authenticated
	resting       bool          // the http.Server has answered all that came
	busy          int           // places that its requests need
	authentic     int           // requests under way that are authenticated
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
	c.settleLocked()
	c.limit.giveLocked(c.site, max(c.busy, 1))
}

// rankLocked is the rank that the connection should have. One that has become a stranger's again while an authenticated
// request is under way stays until that has been answered.
func (c *limitedConn) rankLocked() rank {
	switch {
	case c.gone, c.site.name == "": // a Unix socket's clients are known to the kernel
		return staying
	case !c.known && c.authentic == 0:
		return stranger
	case c.known && c.busy == 0 && c.resting:
		return idle
	}
	return staying
}

// settleLocked puts the connection at the end of the queue of its rank, or leaves it where it is when it had that before:
// a stranger that is refused again gains nothing by it.
func (c *limitedConn) settleLocked() {
	now := c.rankLocked()
	if now == c.rank {
		return
	}
	if c.inAll != nil {
		c.limit.queues[c.rank].Remove(c.inAll)
		c.site.queues[c.rank].Remove(c.inSite)
		c.inAll, c.inSite = nil, nil
	}
	if c.rank = now; now != staying {
		c.inAll, c.inSite = c.limit.queues[now].PushBack(c), c.site.queues[now].PushBack(c)
	}
}

// rest says whether the http.Server has answered all that came.
func (c *limitedConn) rest(resting bool) {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.resting = resting
	c.settleLocked()
}

// needs is how many places a request needs.
func needs(r *http.Request) int {
	if r.ContentLength <= perPlace || r.ContentLength > api.MaxBody {
		return 1 // of too large a body nothing is kept
	}
	return int((r.ContentLength + perPlace - 1) / perPlace)
}

// visit is a request that has places. The limited's lock guards authentic.
type visit struct {
	conn      *limitedConn
	places    int
	authentic bool
}

// enter takes the places that a request needs, of which the connection has one already; nil when there are not so many.
// No request needs more than one address may have. For further requests of a stranger nobody but strangers makes room.
func (c *limitedConn) enter(places int) *visit {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	if c.gone {
		return nil
	}
	places = min(places, c.limit.perAddress)
	from := []rank{stranger, idle}
	if c.rank == stranger && c.busy > 0 {
		from = from[:1]
	}
	had, want := max(c.busy, 1), c.busy+places
	for taken := had; taken < want; taken++ {
		if !c.limit.takeLocked(c, from...) {
			c.limit.giveLocked(c.site, taken-had)
			return nil
		}
	}
	c.busy = want
	c.settleLocked()
	return &visit{conn: c, places: places}
}

// prove says that the request is authenticated, which makes its connection a known one.
func (v *visit) prove() {
	c := v.conn
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	if !v.authentic {
		v.authentic = true
		c.authentic++
	}
	c.known = true
	c.settleLocked()
}

// leave ends what enter began. A request that was not authenticated makes its connection a stranger's: an access key that is
// not good any more, or was that of one request out of many, holds no place.
func (v *visit) leave() {
	c := v.conn
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	if v.authentic {
		c.authentic--
	} else {
		c.known = false
	}
	had := max(c.busy, 1)
	if c.busy -= v.places; !c.gone {
		c.limit.giveLocked(c.site, had-max(c.busy, 1))
	}
	c.settleLocked()
}

type (
	connKey  struct{}
	visitKey struct{}
)

// limitedOf is the limited connection below another one; nil where nobody limits them.
func limitedOf(c net.Conn) *limitedConn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	here, _ := c.(*limitedConn)
	return here
}

// withConn has the context of a connection's requests know it; it is an http.Server's ConnContext.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, limitedOf(c))
}

// heed has a connection know whether it is idle; it is an http.Server's ConnState, which says so when the last octet of an
// answer has been written, and takes it back when the header of a request is there, of HTTP/2 the first one.
func heed(c net.Conn, s http.ConnState) {
	if here := limitedOf(c); here != nil {
		here.rest(s == http.StateIdle)
	}
}

// connOf is the connection that a request came by; nil where nobody limits them.
func connOf(ctx context.Context) *limitedConn {
	c, _ := ctx.Value(connKey{}).(*limitedConn)
	return c
}

// withVisit has a request know its places.
func withVisit(r *http.Request, v *visit) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// visitOf is the places of a request; nil where nobody limits them.
func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}
