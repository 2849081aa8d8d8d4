// Package httpapi is the wire of the AWS KMS API, of Keyhold's own verbs beside it, and of the part of the AWS STS API
// that Keyhold serves: it tells the protocols apart, authenticates a request by its Signature Version 4, hands it to the
// core, and writes the answer as AWS does. It decides nothing about keys.
//
// A request is judged in this order: form of the request (method, path, content type, announced length), header fields
// of the signature, access key, signature, admission, operation, body. So nobody who has not signed learns what is served
// or makes the server hold a body; AWS does not document its order. What net/http cannot read never gets here: its
// answers (400, 417, 431, 501, 505) have no request id, nor has that to a request for which there is no place (503).
package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// Core is what the wire needs from the service; *kms.Service is it.
type Core interface {
	// Do answers and records one request; an error that is not an *api.Error does not come out of it.
	Do(ctx context.Context, req kms.Request) (any, error)
	// Refuse records a request that came to no operation, and answers it.
	Refuse(ctx context.Context, req kms.Request, refusal *api.Error) error
	// Credential is what an access key id stands for.
	Credential(ctx context.Context, id kms.AccessKeyID, sessionToken string) (kms.Credential, error)
	// OnCredentialDropped has f told of access keys that are changed or deleted.
	OnCredentialDropped(f func(kms.AccessKeyID))
	// Operations are the rows of the table by name.
	Operations() map[string]kms.Row
	// NewRequestID draws a UUID.
	NewRequestID() (string, error)
}

var _ Core = (*kms.Service)(nil)

// defaultTimeout is long enough for a token that is being recovered; it is shorter than answerTime.
const defaultTimeout = 30 * time.Second

// Config is what a Handler is made of. Core, Regions and Now are required.
type Config struct {
	Core Core
	// Regions are those that a credential may be scoped to.
	Regions []string
	// Skew is how far a request's time may be from Now, either way: whole minutes, at most 15. 0: 5 minutes.
	Skew time.Duration
	// Now is the clock. Answers carry its Date, by which clients correct theirs.
	Now func() time.Time
	// Timeout is how long the core may take over a request. 0: 30 seconds.
	Timeout time.Duration
	// Gate lets authenticated requests in, or makes them wait or go away. Nil: everybody comes in.
	Gate Gate
	// Logger gets one line for each request. Nil: discarded.
	Logger *slog.Logger
	// Observe is told of each answered request, for metrics. Nil: nobody is told.
	Observe func(Observation)
}

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Gate == nil {
		c.Gate = open{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Observation) {}
	}
	return c
}

func (c Config) check() error {
	switch {
	case c.Core == nil || c.Now == nil:
		return errors.New("make the handler: it needs a core and a clock")
	case c.Timeout < 0:
		return errors.New("make the handler: the time for a request is less than nothing")
	}
	return nil
}

// Observation is what metrics know of one request. No member has more values than there are operations and errors.
type Observation struct {
	Operation string // a row of the table, or "" for whatever else was asked
	Error     string // the code on the wire; "" for success
	Status    int
	Took      time.Duration
}

// Gate admits authenticated requests to the core. Enter answers an *api.Error for a request that must go away, which is
// logged and not recorded, with what its method Detail() string says, if it has one; leave is called when the core has answered.
type Gate interface {
	Enter(ctx context.Context, t Ticket) (leave func(), err error)
}

// Ticket is what a Gate knows of a request.
type Ticket struct {
	Account   kms.AccountID
	Principal string     // unique id; of a session "<role id>:<session name>"
	Operation string     // "" for one that there is not
	Effect    kms.Effect // Read for an operation that there is not
}

// open is the gate that everybody passes.
type open struct{}

func (open) Enter(context.Context, Ticket) (func(), error) { return func() {}, nil }

// Handler answers HTTP requests. It is safe for concurrent use.
type Handler struct {
	config Config
	rows   map[string]kms.Row
	json   protocol
	query  protocol
	keys   *sigv4.Keys
	large  chan struct{} // has an entry for every large body that is in memory
}

// New makes a Handler, which forgets the signing keys of access keys that the core drops. It refuses a configuration
// without core, clock or regions, or with too great a skew. Call it before the core is in use.
func New(c Config) (*Handler, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	h := &Handler{config: c, rows: c.Core.Operations(), keys: sigv4.NewKeys(0), large: make(chan struct{}, maxLargeBodies)}
	var err error
	if h.json, err = newProtocol(jsonWire{}, c, "kms"); err != nil {
		return nil, err
	}
	if h.query, err = newProtocol(queryWire{h.rows}, c, "sts"); err != nil {
		return nil, err
	}
	c.Core.OnCredentialDropped(func(id kms.AccessKeyID) { h.keys.Drop(string(id)) })
	return h, nil
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{handler: h, request: r, began: h.config.Now()}
	a := x.answer()
	x.write(w, a)
	x.report(a, h.config.Now().Sub(x.began))
}
