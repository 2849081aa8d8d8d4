package hsm

import (
	"context"
	"errors"

	"github.com/keyhold/keyhold/kms/device"
)

// IVTrial is one IV policy that was tried because the chosen one failed.
type IVTrial struct {
	Policy string `json:"policy"`
	Proven bool   `json:"proven"`
	Detail string `json:"detail"`

	policy device.IVPolicy
}

// otherPolicies are tried in this order: the host's own last, since tokens that make IVs may take one and not use it.
var otherPolicies = []device.IVPolicy{device.IVWrittenBack, device.IVAppended, device.IVPrepended, device.IVHostRandom}

// tryOtherPolicies runs the self-test under the other policies, when the chosen one has failed: a Luna makes its IVs in
// FIPS mode and takes the host's in the other, and no attribute tells which it is in. A refused PIN is not tried again.
func (t *Token) tryOtherPolicies(ctx context.Context, r Report) []IVTrial {
	if !t.encrypts || len(r.Claims) == 0 || r.Claims[0].Outcome != Failed {
		return nil
	}
	var trials []IVTrial
	for _, p := range otherPolicies {
		if p == t.cipher.IV || ctx.Err() != nil {
			continue
		}
		trial := IVTrial{Policy: p.String(), policy: p, Detail: "the self-test passes"}
		err := t.tryPolicy(ctx, p)
		if trial.Proven = err == nil; err != nil {
			trial.Detail = err.Error()
		}
		trials = append(trials, trial)
		if trial.Proven || errors.Is(err, device.ErrLogin) {
			break
		}
	}
	return trials
}

// tryPolicy opens the token once more beside this one, whose login it shares.
func (t *Token) tryPolicy(ctx context.Context, p device.IVPolicy) error {
	cfg := t.cfg
	cfg.IV, cfg.Preload = p, false
	other, err := connect(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(other.start(ctx), other.Close())
}
