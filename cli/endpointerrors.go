package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// signerSteps are the next steps after what a server answers to a signer, where they are others than those of the owner of
// a data directory.
var signerSteps = map[string]string{
	api.ExpiredTokenException: "the session is over; begin another, or use the access key of a user",
	api.InvalidSignatureException: "look at the secret access key, at the region (--region or AWS_REGION: the one of the server's data directory) and at " +
		"this computer's clock",
	api.UnrecognizedClientException: "the server does not know the access key, or it is disabled; look at AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN or the " +
		"profile, and on the server's machine at: keyhold access-key list",
}

// signerStep is the next step after an error of an operation. After a refusal it names those whose policies decide.
func signerStep(row kms.Description, name string) string {
	switch {
	case name != api.AccessDeniedException:
		return signerSteps[name]
	case row.Service == kms.STS:
		return assumeStep
	case row.Service == kms.KMS && len(row.States) > 0: // it is about a key
		return nextSteps[name]
	}
	return "an identity policy of whom the access key is of must allow it; who administers the account gives one with: keyhold principal policy put"
}

// explain is an error of the client as commands tell it: the server's own as it is, others with the next step.
func (e *endpoint) explain(ctx context.Context, row kms.Description, failed *client.Error) error {
	if ctx.Err() != nil && !failed.Uncertain {
		return ctx.Err()
	}
	err := failed.Err
	var wire *api.Error
	var transport *url.Error
	switch {
	case errors.As(err, &wire):
		if step := signerStep(row, wire.Name); step != "" && particular(wire) == "" {
			err = advise(err, "%s", step)
		}
	case errors.As(err, &transport):
		err = advise(fmt.Errorf("ask %s: %w", e.url, transport.Err), "%s", e.transportStep(transport.Err))
	default:
		err = e.other(err)
	}
	if !failed.Uncertain {
		return err
	}
	return unsure(err, failed.RequestID)
}

// unsure is the error of a change of which nobody here knows whether it was made.
func unsure(err error, id string) error {
	where := ""
	if id != "" {
		where = ", and in the server's log under request " + id
	}
	return advise(fmt.Errorf("%w; %w", err, client.ErrUncertain), "look what is there before you run it again, with the list and describe commands%s", where)
}

// other adds the next step to what is neither the API's error nor the network's.
func (e *endpoint) other(err error) error {
	var status *client.StatusError
	if u, bad := url.Parse(e.url); errors.As(err, &status) && bad == nil && u.Scheme == "http" && status.Status == http.StatusBadRequest {
		return advise(fmt.Errorf("ask %s: %w", e.url, err), "if the server has TLS, the endpoint begins with https://")
	}
	return err
}

// transportStep is what to do when a server was not reached, or is not trusted.
func (e *endpoint) transportStep(err error) string {
	var (
		name    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		dns     *net.DNSError
		remote  *net.OpError
	)
	switch {
	case errors.As(err, &name):
		return "write the endpoint with a name that the server's certificate is for"
	case errors.As(err, &unknown):
		return "if the server's authority is your own, name the file of its certificate with --ca-file or KEYHOLD_CA_FILE"
	case errors.As(err, &invalid):
		return "the server needs another certificate, unless this computer's clock is wrong"
	case errors.As(err, &remote) && remote.Op == "remote error", errors.Is(err, net.ErrClosed): // an alert of TLS, or what it does to a write
		return "the server breaks off TLS; if it wants certificates of clients, give yours with --client-cert and --client-key"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the server there has no TLS: only on the machine itself an endpoint may begin with http://"
	case errors.As(err, &dns):
		return "look at the name in the endpoint, and at the network"
	}
	return "look whether a server runs there, at the address that its line \"ready: serving on\" says, and at the network"
}
