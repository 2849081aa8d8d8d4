package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var enablePrincipal = kms.Operation[*api.EnablePrincipalInput, *api.EnablePrincipalOutput]{
	Name:    "EnablePrincipal",
	Service: kms.Keyhold,
	Effect:  kms.Mutate,
	Targets: func(in *api.EnablePrincipalInput) []kms.Target {
		return principalOf(in.Principal, "keyhold:EnablePrincipal")
	},
	Change: func(ctx context.Context, c *kms.Call, _ *api.EnablePrincipalInput) (kms.Change, *api.EnablePrincipalOutput, error) {
		change, p, err := setPrincipalState(ctx, c, kms.Active)
		return change, &api.EnablePrincipalOutput{Principal: p}, err
	},
}
