package httpapi

import (
	"net"
	"net/http"

	"github.com/keyhold/keyhold/kms"
)

// SigningKeys is how many signing keys a handler remembers.
func (h *Handler) SigningKeys() int { return h.keys.Len() }

// ReadForm is the call that a form makes.
func ReadForm(rows map[string]kms.Row, form []byte) (name string, served bool, body []byte) {
	c := queryWire{rows}.read(nil, form)
	return c.name, c.served, c.body
}

// Visit is a request on a connection of Limit's.
type Visit = visit

// Begin is a request that needs so many places, as an http.Server begins it; nil when there are not so many.
func Begin(c net.Conn, places int) *Visit {
	heed(c, http.StateActive)
	return c.(*limitedConn).enter(places)
}

// Authentic says that a request is authenticated.
func Authentic(v *Visit) { v.prove() }

// Leave is the end of a request whose answer is still being written, and Rest says that all have been.
func Leave(v *Visit)  { v.leave() }
func Rest(c net.Conn) { heed(c, http.StateIdle) }

// Places is how many places are taken, in all and by each client.
func Places(l net.Listener) (total int, sites map[string]int) {
	limit := l.(*limited)
	limit.mu.Lock()
	defer limit.mu.Unlock()
	sites = map[string]int{}
	for name, s := range limit.sites {
		sites[name] = s.taken
	}
	return limit.taken, sites
}

// Arrive is a connection that comes to Limit's listener; nil when there is no place for it.
func Arrive(l net.Listener, c net.Conn) net.Conn {
	if here := l.(*limited).arrive(c); here != nil {
		return here
	}
	return nil
}
