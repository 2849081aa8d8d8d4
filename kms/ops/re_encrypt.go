package ops

import (
	"context"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// The source is target 0, the destination target 1.
var reEncrypt = kms.Operation[*api.ReEncryptInput, *api.ReEncryptOutput]{
	Name:   "ReEncrypt",
	Effect: kms.Use,
	Targets: func(in *api.ReEncryptInput) []kms.Target {
		source := kms.CiphertextKey(in.SourceKeyID, in.CiphertextBlob, "kms:ReEncryptFrom")
		if in.IgnoreCiphertext() {
			source = kms.KeyOrAlias(in.SourceKeyID, "kms:ReEncryptFrom")
		}
		destination := kms.KeyOrAlias(in.DestinationKeyID, "kms:ReEncryptTo")
		return []kms.Target{
			source.With(in.SourceEncryptionContext).Asking(encryptionAlgorithm, string(in.SourceAlgorithm())),
			destination.With(in.DestinationEncryptionContext).Asking(encryptionAlgorithm, string(in.DestinationAlgorithm())),
		}
	},
	Admit: kms.Admit[*api.ReEncryptInput]{
		Usage:  keyspec.EncryptDecrypt,
		States: []kms.StateRule{kms.StatesUsable},
		Compat: func(c *kms.Call, in *api.ReEncryptInput) error {
			if err := algorithmFits(c.Key(0), in.SourceAlgorithm()); err != nil {
				return err
			}
			return algorithmFits(c.Key(1), in.DestinationAlgorithm())
		},
	},
	DryRun: func(in *api.ReEncryptInput) bool { return isTrue(in.DryRun) },
	Run: func(ctx context.Context, c *kms.Call, in *api.ReEncryptInput) (*api.ReEncryptOutput, error) {
		plaintext, from, err := c.Open(ctx, 0, in.SourceEncryptionContext)
		if err != nil {
			return nil, err
		}
		defer secret.Wipe(plaintext)
		blob, to, err := c.Seal(ctx, 1, plaintext, in.DestinationEncryptionContext)
		if err != nil {
			return nil, err
		}
		c.Note("sourceKeyMaterialId", from)
		c.Note("destinationKeyMaterialId", to)
		return &api.ReEncryptOutput{
			CiphertextBlob: blob, SourceKeyID: c.Key(0).ARN(), KeyID: c.Key(1).ARN(),
			SourceEncryptionAlgorithm: in.SourceAlgorithm(), DestinationEncryptionAlgorithm: in.DestinationAlgorithm(),
			SourceKeyMaterialID: from, DestinationKeyMaterialID: to,
		}, nil
	},
}
