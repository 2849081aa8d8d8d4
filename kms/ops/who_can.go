package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var whoCan = kms.Operation[*api.WhoCanInput, *api.WhoCanOutput]{
	Name:    "WhoCan",
	Service: kms.Keyhold,
	Effect:  kms.Read,
	Targets: func(in *api.WhoCanInput) []kms.Target {
		return []kms.Target{kms.KeyOrAlias(in.KeyID, "keyhold:WhoCan").Overseen()}
	},
	Admit: kms.Admit[*api.WhoCanInput]{
		Params: func(in *api.WhoCanInput) error { return in.Check() },
		States: []kms.StateRule{kms.StatesAny},
	},
	Run: func(ctx context.Context, c *kms.Call, in *api.WhoCanInput) (*api.WhoCanOutput, error) {
		list := listOfAccess.of(c.Key(0).ARN(), *in.Action)
		after, err := list.parseMarker(in.Marker)
		if err != nil {
			return nil, err
		}
		found, next, err := c.WhoCan(ctx, kms.AccessQuestion{
			Action: *in.Action, EncryptionContext: in.EncryptionContext, Suppose: supposition(in.ContextEntries),
		}, after, in.PageSize())
		if err != nil {
			return nil, err
		}
		out := &api.WhoCanOutput{Principals: []api.PrincipalAccess{}, Truncated: next != ""}
		if out.Truncated {
			out.NextMarker = list.newMarker(next)
		}
		for _, a := range found {
			out.Principals = append(out.Principals, api.PrincipalAccess{
				Principal: a.ARN, PrincipalID: a.PrincipalID, Kind: a.Kind, Decision: a.Decision, By: decidedBy(a), Reason: a.Reason,
			})
		}
		return out, nil
	},
}
