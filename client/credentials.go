package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/sigv4"
)

// Credentials are an access key, and a session's token for temporary ones. They print without secret and token, and
// cannot be serialised.
type Credentials struct {
	id      string
	secret  secret.Bytes
	token   secret.Bytes
	expires time.Time
}

// NewCredentials copies what it gets: the caller may wipe secretAccessKey. The token is "" for an access key of a user;
// the zero time stands for credentials that do not expire.
func NewCredentials(accessKeyID string, secretAccessKey []byte, sessionToken string, expires time.Time) Credentials {
	own := append([]byte(nil), secretAccessKey...)
	return Credentials{id: accessKeyID, secret: secret.New(own), token: secret.New([]byte(sessionToken)), expires: expires}
}

// AccessKeyID is no secret.
func (c Credentials) AccessKeyID() string { return c.id }

// Expires is the zero time for those that do not.
func (c Credentials) Expires() time.Time { return c.expires }

// String never shows secret or token.
func (c Credentials) String() string { return "access key " + c.id }

// Format never shows secret or token, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalJSON refuses.
func (c Credentials) MarshalJSON() ([]byte, error) { return nil, secret.ErrSerialised }

func (c Credentials) forSigning() sigv4.Credentials {
	return sigv4.Credentials{AccessKeyID: c.id, SecretAccessKey: c.secret.Reveal(), SessionToken: string(c.token.Reveal())}
}

func (c Credentials) check() error {
	if c.id == "" || c.secret.Len() == 0 {
		return errors.New("find credentials: an access key id or its secret is empty")
	}
	return nil
}

// Provider gives the credentials of the caller. Its error must hold no secret.
type Provider interface {
	Credentials(ctx context.Context) (Credentials, error)
}

// ProviderFunc is a function as a Provider.
type ProviderFunc func(ctx context.Context) (Credentials, error)

// Credentials calls the function.
func (f ProviderFunc) Credentials(ctx context.Context) (Credentials, error) { return f(ctx) }

// Static always gives the same credentials.
func Static(c Credentials) Provider {
	return ProviderFunc(func(context.Context) (Credentials, error) { return c, nil })
}

// freshFor is how long before their end credentials are asked for anew.
const freshFor = 5 * time.Minute

// wallet keeps credentials until they are about to expire.
type wallet struct {
	provider Provider
	now      func() time.Time
	held     chan Credentials // holds one at all times, but while it is looked at; the zero one stands for none
}

func newWallet(p Provider, now func() time.Time) *wallet {
	w := &wallet{provider: p, now: now, held: make(chan Credentials, 1)}
	w.held <- Credentials{}
	return w
}

// credentials asks the provider once for all who wait. Where it fails, those that still live are used.
func (w *wallet) credentials(ctx context.Context) (Credentials, error) {
	var held Credentials
	select {
	case held = <-w.held:
	case <-ctx.Done():
		return Credentials{}, fmt.Errorf("wait for credentials: %w", ctx.Err())
	}
	defer func() { w.held <- held }()
	if w.lives(held, freshFor) {
		return held, nil
	}
	fresh, err := w.provider.Credentials(ctx)
	if err == nil {
		err = fresh.check()
	}
	switch {
	case err == nil:
		held = fresh
	case w.lives(held, 0):
	default:
		return Credentials{}, err
	}
	return held, nil
}

func (w *wallet) lives(c Credentials, margin time.Duration) bool {
	return c.id != "" && (c.expires.IsZero() || w.now().Add(margin).Before(c.expires))
}

// drop forgets credentials that the server refused, unless there are newer ones. When ctx ends first they stay, until
// the server refuses them again.
func (w *wallet) drop(ctx context.Context, refused Credentials) {
	var held Credentials
	select {
	case held = <-w.held:
	case <-ctx.Done():
		return
	}
	if held.id == refused.id && held.secret.Equal(refused.secret) {
		held = Credentials{}
	}
	w.held <- held
}
