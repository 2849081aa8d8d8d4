package cli

import (
	"context"
	"errors"
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

func newGate(sessions int, rates configs.Rates, now func() time.Time) (gate, error) {
	g, err := admission.New(admission.Config{
		Capacity: perSession * sessions, Now: now,
		Rates: admission.Rates{Account: rate(rates.Account), Principal: rate(rates.Principal)},
	})
	return gate{g}, err
}

func rate(perSecond int) admission.Rate { return admission.Rate{PerSecond: float64(perSecond)} }

// admissionClasses are the classes of operations by what these do. There are no operations with key pairs.
var admissionClasses = map[kms.Effect]admission.Class{
	kms.Read: admission.Read, kms.Use: admission.Symmetric, kms.Mutate: admission.Management,
}

// Enter implements httpapi.Gate. What only looks at rows does not use the token.
func (g gate) Enter(ctx context.Context, t httpapi.Ticket) (func(), error) {
	role, _, _ := strings.Cut(t.Principal, ":") // whoever assumes a role chooses the name of its session
	leave, err := g.Gate.Enter(ctx, admission.Ticket{
		Account: string(t.Account), Principal: role, Class: admissionClasses[t.Effect], Exempt: t.Effect == kms.Read,
	})
	if errors.Is(err, admission.ErrThrottled) {
		return nil, api.Throttling()
	}
	return leave, err
}
