package ops

import (
	"context"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var explainAccess = kms.Operation[*api.ExplainAccessInput, *api.ExplainAccessOutput]{
	Name:    "ExplainAccess",
	Service: kms.Keyhold,
	Effect:  kms.Read,
	Targets: func(in *api.ExplainAccessInput) []kms.Target {
		const action = "keyhold:ExplainAccess"
		switch {
		case in.KeyID != nil:
			return []kms.Target{kms.KeyOrAlias(in.KeyID, action).Overseen()}
		case isKeyARN(text(in.Resource)):
			return []kms.Target{kms.KeyOrAlias(in.Resource, action).Overseen()}
		}
		return []kms.Target{kms.NoKey(action)} // whose principals and roles it may be about, Call.ExplainAccess says
	},
	Admit: kms.Admit[*api.ExplainAccessInput]{
		Params: func(in *api.ExplainAccessInput) error { return in.Check() },
		States: []kms.StateRule{kms.StatesAny},
	},
	Run: func(ctx context.Context, c *kms.Call, in *api.ExplainAccessInput) (*api.ExplainAccessOutput, error) {
		resource := text(in.Resource)
		if resource == "" {
			resource = "*"
		}
		a, err := c.ExplainAccess(ctx, kms.AccessQuestion{
			Principal: *in.Principal, Action: *in.Action, Resource: resource, EncryptionContext: in.EncryptionContext,
			Suppose: supposition(in.ContextEntries),
		})
		if err != nil {
			return nil, err
		}
		return &api.ExplainAccessOutput{
			Principal: a.ARN, PrincipalID: a.PrincipalID, Kind: a.Kind, Action: a.Action, Resource: a.Resource, Allowed: a.Allowed,
			Decision: a.Decision, Reason: a.Reason, By: decidedBy(a), Missing: a.Missing, KeyState: a.Obstacle, Trace: traceOf(a.Trace),
		}, nil
	},
}

// isKeyARN tells the ARN of a key, whether or not there is such a key.
func isKeyARN(s string) bool {
	parts := strings.SplitN(s, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[2] == "kms" && strings.HasPrefix(parts[5], "key/")
}
