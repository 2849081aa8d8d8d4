package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/admission"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/httpapi"
)

// perSession is how many requests may be in hand for each of the token's sessions. While one uses a session the others
// read their rows and write their records, so that the token never waits for work; more would only wait inside.
const perSession = 4

// gate lets requests through to the service as an admission.Gate says.
type gate struct{ *admission.Gate }

var _ httpapi.Gate = gate{}

// newGate makes the gate of a token with so many sessions. waited is told how long requests waited, nil: nobody is.
func newGate(sessions int, rates configs.Rates, waited func(time.Duration), now func() time.Time) (gate, error) {
	g, err := admission.New(admission.Config{
		Capacity: perSession * sessions, Now: now, Waited: waited,
		Rates: admission.Rates{Account: rate(rates.Account), Principal: rate(rates.Principal), Class: map[admission.Class]admission.Rate{
			admission.Symmetric: rate(rates.Symmetric), admission.Management: rate(rates.Management), admission.Read: rate(rates.Read),
		}},
	})
	return gate{g}, err
}

// rate comes in a burst of one second's.
func rate(perSecond int) admission.Rate { return admission.Rate{PerSecond: float64(perSecond)} }

// refused is a request that the gate sent away. The caller is told of the api.Error alone.
type refused struct {
	answer *api.Error
	reason error
	field  string // of the configuration; "" when it was no rate
}

// Error is the answer's.
func (r refused) Error() string { return r.answer.Error() }

// Unwrap gives the answer and the reason.
func (r refused) Unwrap() []error { return []error{r.answer, r.reason} }

// Detail is what the log says and the caller is not told.
func (r refused) Detail() string {
	if r.field == "" {
		return r.reason.Error()
	}
	return fmt.Sprintf("%v (%s)", r.reason, r.field)
}

// rateOf is the field of the configuration that a request of class c was refused by.
func rateOf(reason error, c admission.Class) string {
	switch {
	case errors.Is(reason, admission.AccountRate):
		return "server.rates.account"
	case errors.Is(reason, admission.PrincipalRate):
		return "server.rates.principal"
	case errors.Is(reason, admission.ClassRate):
		return "server.rates." + c.String()
	}
	return ""
}

// admissionClasses are the classes of operations by what these do. There are no operations with key pairs.
var admissionClasses = map[kms.Effect]admission.Class{
	kms.Read: admission.Read, kms.Use: admission.Symmetric, kms.Mutate: admission.Management,
}

// Enter implements httpapi.Gate. What only looks at rows does not use the token, and waits for nobody; it has rates.
func (g gate) Enter(ctx context.Context, t httpapi.Ticket) (func(), error) {
	role, _, _ := strings.Cut(t.Principal, ":") // whoever assumes a role chooses the name of its session
	class := admissionClasses[t.Effect]
	leave, err := g.Gate.Enter(ctx, admission.Ticket{
		Account: string(t.Account), Principal: role, Class: class, Exempt: t.Effect == kms.Read,
	})
	if errors.Is(err, admission.ErrThrottled) {
		return nil, refused{api.Throttling(), err, rateOf(err, class)}
	}
	return leave, err
}
