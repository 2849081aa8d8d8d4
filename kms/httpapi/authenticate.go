package httpapi

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// authenticate finds out who signed, and returns the body, also with an error. The body is read only when the header
// fields are in order and there is such an access key. That an unknown one is refused sooner tells nothing: the error's
// name says so too, as AWS's does.
func (x *exchange) authenticate(ctx context.Context) (body []byte, err error) {
	h := x.handler
	signed, err := x.protocol.verifier.Parse(x.request, x.began)
	if err != nil {
		return nil, x.refuse(err)
	}
	credential, err := h.config.Core.Credential(ctx, kms.AccessKeyID(signed.AccessKeyID()), signed.SessionToken())
	defer credential.Secret.Wipe()
	if err != nil {
		x.detail = "the access key id, or the session's token, is not in use"
		return nil, err
	}
	x.claimed = signed.AccessKeyID()
	if body, err = x.readBody(); err != nil {
		return body, err
	}
	key, err := h.keys.Key(signed, credential.Fingerprint, func() ([]byte, error) { return credential.Secret.Reveal(), nil })
	if err != nil {
		return body, err
	}
	if err := signed.Verify(key, body); err != nil {
		return body, x.refuse(err)
	}
	if v := visitOf(x.request.Context()); v != nil {
		v.prove()
	}
	x.caller = credential.Caller
	x.caller.Source, x.caller.Agent, x.caller.Secure = source(x.request), agent(x.request), x.request.TLS != nil
	return body, nil
}

// refusals are the wire's names of what is wrong with a signature.
var refusals = map[sigv4.Class]string{
	sigv4.MissingAuthenticationToken: api.MissingAuthenticationTokenException,
	sigv4.IncompleteSignature:        api.IncompleteSignatureException,
	sigv4.InvalidSignature:           api.InvalidSignatureException,
}

func (x *exchange) refuse(err error) error {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return err
	}
	x.detail = e.Detail()
	return &api.Error{Name: refusals[e.Class()], Message: e.Message()}
}
