package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var generateRandom = kms.Operation[*api.GenerateRandomInput, *api.GenerateRandomOutput]{
	Name:    "GenerateRandom",
	Effect:  kms.Use,
	Targets: func(*api.GenerateRandomInput) []kms.Target { return []kms.Target{kms.NoKey("kms:GenerateRandom")} },
	Admit: kms.Admit[*api.GenerateRandomInput]{
		Params: func(in *api.GenerateRandomInput) error { return second(in.Size()) },
	},
	Run: func(ctx context.Context, c *kms.Call, in *api.GenerateRandomInput) (*api.GenerateRandomOutput, error) {
		n, err := in.Size()
		if err != nil {
			return nil, err
		}
		random, err := c.Random(ctx, n)
		return &api.GenerateRandomOutput{Plaintext: random}, err
	},
}
