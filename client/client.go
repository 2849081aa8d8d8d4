// Package client speaks the AWS KMS API, what Keyhold serves of AWS STS, and Keyhold's own verbs beside them, to a Keyhold
// server or to AWS: one typed method for each operation, Signature Version 4, and repeats that never do a thing twice. It
// needs no C compiler.
//
// A call is repeated, with exponential backoff and full jitter, when the server was throttling, when it failed (status
// 500 and above), and when the connection failed. Whether a request that was sent took effect is unknown after a failure
// other than throttling, so such a request is repeated only for operations that look and change nothing, and for those
// that leave the same behind when they are done again (EnableKey, TagResource, PutKeyPolicy and others; CreateGrant when
// the request has a Name). The rest, such as CreateKey, CreateAccessKey, RotateKeyOnDemand and everything that deletes,
// is given up with an error that is ErrUncertain: look what is there before asking again.
//
// Redirects are not followed. Answers are read up to MaxAnswer bytes. What the client itself holds of plaintexts is
// wiped after use; the request's and the answer's own Sensitive members are the caller's to wipe, and what net/http and TLS
// buffer is out of reach.
//
// AssumeRole and GetCallerIdentity belong to AWS STS, which speaks another protocol and, at AWS, lives at another host: see
// Config.STSEndpoint. Its errors have the names that KMS has for the same, such as AccessDeniedException for AccessDenied.
//
// Lists come in pages, which Pages goes through.
package client

import (
	"context"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms/api"
)

// Input is the request of an operation: a pointer to a shape of kms/api. The client does not call Validate, because what
// is valid is for the server to say.
type Input interface{ Validate() error }

// Client makes calls to one endpoint. It is safe for concurrent use.
type Client struct {
	config   Config
	endpoint *url.URL
	sts      *url.URL // where AWS STS is
	http     *http.Client
	wallet   *wallet
	ahead    atomic.Int64 // nanoseconds by which the server's clock is ahead, once it has been corrected for
}

// New makes a Client. It connects to nothing and asks for no credentials yet; it refuses a configuration that is
// malformed, or that would send plaintext in clear over a network.
func New(c Config) (*Client, error) {
	c, places, err := c.resolved()
	if err != nil {
		return nil, err
	}
	return &Client{config: c, endpoint: places.endpoint, sts: places.sts, http: c.httpClient(), wallet: newWallet(c.Credentials, c.Now)}, nil
}

// Close closes the connections that are idle. The Client can still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do calls an operation that is known by its name, such as "Encrypt": in must be its input shape, and O its output shape,
// or api.Void for one that answers nothing. Errors are those of Call.
func Do[O any](ctx context.Context, c *Client, operation string, in Input) (*O, error) {
	out := new(O)
	if err := c.Call(ctx, operation, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Call is Do for types that are only known when the program runs: in and out are pointers to the operation's shapes. An
// operation that there is not, or a shape of another one, is refused before anything is sent. Everything else that goes
// wrong is an *Error; one that the server answered has an *api.Error in it, whose Name says what it was. After an error
// *out holds nothing.
func (c *Client) Call(ctx context.Context, operation string, in Input, out any) error {
	row, err := lookUp(operation, in, out)
	if err != nil {
		return err
	}
	w := row.wire()
	body, err := w.encode(operation, in)
	defer secret.Wipe(body)
	if err != nil {
		return &Error{Operation: operation, Err: err}
	}
	if len(body) > api.MaxBody {
		return &Error{Operation: operation, Err: errRequestTooLarge}
	}
	p := newPayload(body)
	defer p.wipe()
	err = c.persist(ctx, &call{name: operation, target: row.api + operation, wire: w, repeat: row.repeat.of(in), payload: p}, out)
	if err != nil {
		empty(out)
		return err
	}
	return nil
}
