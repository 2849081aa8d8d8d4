package httpapi

import "github.com/keyhold/keyhold/kms"

// SigningKeys is how many signing keys a handler remembers.
func (h *Handler) SigningKeys() int { return h.keys.Len() }

// ReadForm is the call that a form makes.
func ReadForm(rows map[string]kms.Row, form []byte) (name string, served bool, body []byte) {
	c := queryWire{rows}.read(nil, form)
	return c.name, c.served, c.body
}
