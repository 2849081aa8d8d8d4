package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

const (
	// noRequestID is the id of a request when none can be drawn: the nil UUID (RFC 9562, section 5.9).
	noRequestID = "00000000-0000-0000-0000-000000000000"
	// maxAgent bounds what a record repeats of User-Agent, in octets. SDKs send about 200.
	maxAgent = 512
)

// exchange is one request and its answer.
type exchange struct {
	handler   *Handler
	request   *http.Request
	began     time.Time
	id        string
	protocol  protocol
	operation string // a row of the table; "" until one is known
	claimed   string // the access key id, once it is known to be one
	caller    kms.Caller
	read      bool   // the body has been read to its end
	detail    string // what the caller is not told, for the log
}

// answer always is one, whatever happens.
func (x *exchange) answer() (a answer) {
	fail := jsonWire{}.fail
	var err error
	if x.id, err = x.handler.config.Core.NewRequestID(); err != nil {
		x.id = noRequestID
		x.handler.config.Logger.Error("no request id can be drawn", "error", err)
		return fail(api.Internal(), x.id)
	}
	defer func() {
		if v := recover(); v != nil {
			x.handler.config.Logger.Error("a request panicked", "request", x.id, "panic", v, "stack", string(debug.Stack()))
			a = fail(api.Internal(), x.id)
		}
	}()
	var known bool
	if x.protocol, known = x.handler.protocolOf(x.request); !known {
		return unknownOperation()
	}
	fail = x.protocol.fail
	out, err := x.serve()
	if err != nil {
		return fail(x.wireError(err), x.id)
	}
	defer wipe(out)
	return x.protocol.succeed(x.operation, out, x.id)
}

// wireError is for errors that did not come from the core, which has its own way.
func (x *exchange) wireError(err error) *api.Error {
	var e *api.Error
	if errors.As(err, &e) {
		return e
	}
	x.handler.config.Logger.Error("a request failed", "request", x.id, "error", err)
	return api.Internal()
}

func (x *exchange) serve() (any, error) {
	h := x.handler
	ctx, cancel := context.WithTimeout(x.request.Context(), h.config.Timeout)
	defer cancel()
	leave, err := h.room(x.request.ContentLength)
	if err != nil {
		return nil, err
	}
	defer leave()
	body, err := x.authenticate(ctx)
	defer secret.Wipe(body)
	if err != nil {
		return nil, err
	}
	return x.ask(ctx, x.protocol.read(x.request, body))
}

// ask hands the core what an authenticated caller asks for.
func (x *exchange) ask(ctx context.Context, c call) (any, error) {
	defer secret.Wipe(c.body)
	h := x.handler
	request := kms.Request{Operation: c.name, Service: c.service, Caller: x.caller, Body: c.body, Unknown: api.IgnoreUnknown, ID: x.id}
	if c.service == kms.Keyhold {
		request.Unknown = api.RefuseUnknown
	}
	ticket := Ticket{Account: x.caller.Account, Principal: x.caller.PrincipalID, Effect: kms.Read}
	row := h.rows[c.name]
	known := c.served && row != nil && row.Describe().Service == c.service
	if known {
		x.operation = c.name
		ticket.Operation, ticket.Effect = c.name, row.Describe().Effect
	}
	leave, err := h.config.Gate.Enter(ctx, ticket)
	if err != nil {
		x.detail = detailOf(err)
		return nil, err
	}
	defer leave()
	if !known {
		return nil, h.config.Core.Refuse(ctx, request, c.noOperation())
	}
	return h.config.Core.Do(ctx, request)
}

// detailOf is what an error tells the log and not the caller; "" for most.
func detailOf(err error) string {
	var e interface{ Detail() string }
	if errors.As(err, &e) {
		return e.Detail()
	}
	return ""
}

// report tells metrics and the log. Of who is not authenticated the log has the access key id only when there is one of
// that id: anything may have been typed in its place.
func (x *exchange) report(a answer, took time.Duration) {
	x.handler.config.Observe(Observation{Operation: x.operation, Error: a.errorCode, Status: a.status, Took: took})
	attrs := []any{"request", x.id, "operation", x.operation, "status", a.status, "took", took, "source", source(x.request)}
	for _, attr := range [][2]string{
		{"error", a.errorCode}, {"caller", x.caller.ARN}, {"accessKey", x.claimed}, {"detail", x.detail},
	} {
		if attr[1] != "" {
			attrs = append(attrs, attr[0], attr[1])
		}
	}
	x.handler.config.Logger.Info("answered", attrs...)
}

// source is the address that the connection comes from, without the port. What proxies tell of others is not believed.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// agent is User-Agent as far as a record repeats it.
func agent(r *http.Request) string {
	s := r.UserAgent()
	return strings.ToValidUTF8(s[:min(len(s), maxAgent)], "?")
}
