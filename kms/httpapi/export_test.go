package httpapi

import (
	"net"

	"github.com/keyhold/keyhold/kms"
)

// SigningKeys is how many signing keys a handler remembers.
func (h *Handler) SigningKeys() int { return h.keys.Len() }

// ReadForm is the call that a form makes.
func ReadForm(rows map[string]kms.Row, form []byte) (name string, served bool, body []byte) {
	c := queryWire{rows}.read(nil, form)
	return c.name, c.served, c.body
}

// Prove has a connection of Limit's be one on which somebody was authenticated.
func Prove(c net.Conn) { c.(*limitedConn).prove() }

// Begin and End are of a request on a connection of Limit's that needs so many places.
func Begin(c net.Conn, places int) bool { return c.(*limitedConn).enter(places) }
func End(c net.Conn, places int)        { c.(*limitedConn).leave(places) }
