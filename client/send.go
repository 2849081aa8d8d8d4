package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
)

// call is what is asked, however often.
type call struct {
	name    string
	target  string // X-Amz-Target, where the protocol has it
	wire    wire
	repeat  repeat
	payload *payload
}

// verdict is what a failed attempt says about another one.
type verdict int

const (
	final   verdict = iota + 1 // nothing was done, and another would fail as well
	refused                    // nothing was done, and another may succeed
	unknown                    // nobody knows what was done, and another may succeed
	lost                       // nobody knows what was done, and another would fail as well
)

// failure is an attempt that failed.
type failure struct {
	verdict   verdict
	status    int
	requestID string
	err       error
	skew      *skew // set when the server may have refused the time of the signature
}

func fails(v verdict, err error) *failure { return &failure{verdict: v, err: err} }

// attempt sends the request once, and reads the answer into out.
func (c *Client) attempt(ctx context.Context, k *call, out any) *failure {
	bounded, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	who, err := c.wallet.credentials(bounded)
	if err != nil {
		return fails(final, err)
	}
	at := c.config.Now().Add(time.Duration(c.ahead.Load()))
	var sent delivery
	request, err := c.signed(sent.traced(bounded), k, who, at)
	if err != nil {
		return fails(final, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unanswered(ctx, sent.verdict(), err)
	}
	defer func() { _ = response.Body.Close() }()
	f := readAnswer(reading{k.wire, k.name}, response, out)
	if f == nil {
		return nil
	}
	f.status, f.requestID = response.StatusCode, requestID(response.Header)
	f.skew = skewOf(f, response.Header.Get("Date"), at)
	if isForgotten(f.err) {
		c.wallet.drop(bounded, who)
	}
	return f
}

// unanswered tells the caller's own deadline from the time that one attempt has, and a server that is not trusted from
// one that is not there.
func (c *Client) unanswered(ctx context.Context, v verdict, err error) *failure {
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("there was no answer within %s: %w", c.config.Timeout, err)
	}
	if untrusted := (*tls.CertificateVerificationError)(nil); errors.As(err, &untrusted) || isHandshakeAlert(err) {
		v = final
	}
	return fails(v, err)
}

// isHandshakeAlert tells an alert by which a server breaks off a handshake, as when it wants a certificate of the client.
// With TLS 1.3 it comes once the client holds the handshake for done; the request has not been read then (RFC 8446,
// sections 2 and 6.2).
func isHandshakeAlert(err error) bool {
	var remote *net.OpError
	if !errors.As(err, &remote) || remote.Op != "remote error" {
		return false
	}
	alert := reflect.ValueOf(remote.Err) // of crypto/tls, which exports no type for it
	return alert.Kind() == reflect.Uint8 && handshakeAlerts[alert.Uint()]
}

// handshakeAlerts are handshake_failure, those about certificates, unknown_ca, access_denied, protocol_version,
// insufficient_security and certificate_required (RFC 8446, section 6).
var handshakeAlerts = map[uint64]bool{
	40: true, 42: true, 43: true, 44: true, 45: true, 46: true, 48: true, 49: true, 70: true, 71: true, 116: true,
}

// signed makes the HTTP request. Accept-Encoding keeps the transport from unpacking what a server packed: an answer is
// never longer than what was sent of it.
func (c *Client) signed(ctx context.Context, k *call, who Credentials, at time.Time) (*http.Request, error) {
	to := c.endpoint
	if k.wire.service == stsService {
		to = c.sts
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", k.wire.kind)
	if k.wire.targeted {
		request.Header.Set("X-Amz-Target", k.target)
	}
	request.Header.Set("User-Agent", c.config.UserAgent)
	request.Header.Set("Accept-Encoding", "identity")
	signer := sigv4.Signer{Credentials: who.forSigning(), Region: c.config.Region, Service: k.wire.service}
	signed, err := signer.Sign(request, k.payload.data, at)
	if err != nil {
		return nil, err
	}
	signed.Body = k.payload.reader()
	signed.GetBody = func() (io.ReadCloser, error) { return k.payload.reader(), nil }
	return signed, nil
}

// delivery watches whether a request may have reached the server. It may have as soon as there is a connection for it:
// what is written to that, net/http does on its own.
type delivery struct{ asked, connected atomic.Bool }

func (d *delivery) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { d.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { d.connected.Store(true) },
	})
}

// verdict is unknown too when the transport tells nothing.
func (d *delivery) verdict() verdict {
	if d.asked.Load() && !d.connected.Load() {
		return refused
	}
	return unknown
}
