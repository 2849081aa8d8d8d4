package clients

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var stateOperations = []operation{
	{"DisableKey", func(b *bench) {
		key := b.newDisabledKey()
		must(b.kms.DisableKey(b.ctx, &kms.DisableKeyInput{KeyId: key}))(b.t) // twice is no error
		b.wantState(key, types.KeyStateDisabled)
	}, []refusal{
		{"a key about to be deleted", func(b *bench) error {
			return did(b.kms.DisableKey(b.ctx, &kms.DisableKeyInput{KeyId: b.newDoomedKey()}))
		}, invalidState, " is pending deletion."},
		{"an alias", func(b *bench) error { return did(b.kms.DisableKey(b.ctx, &kms.DisableKeyInput{KeyId: anAlias})) }, invalidARN, noAliases},
	}},
	{"EnableKey", func(b *bench) {
		key := b.newDisabledKey()
		must(b.kms.EnableKey(b.ctx, &kms.EnableKeyInput{KeyId: key}))(b.t)
		b.wantState(key, types.KeyStateEnabled)
	}, []refusal{
		{"a key that there is not", func(b *bench) error {
			return did(b.kms.EnableKey(b.ctx, &kms.EnableKeyInput{KeyId: aws.String(absent)}))
		}, notFound, doesNotExist},
	}},
	{"ScheduleKeyDeletion", func(b *bench) {
		in := &kms.ScheduleKeyDeletionInput{KeyId: b.newKey(), PendingWindowInDays: aws.Int32(7)}
		out := must(b.kms.ScheduleKeyDeletion(b.ctx, in))(b.t)
		if days := time.Until(*out.DeletionDate).Hours() / 24; days < 6.9 || days > 8 || *out.PendingWindowInDays != 7 || out.KeyState != types.KeyStatePendingDeletion {
			b.t.Errorf("%+v", out)
		}
		b.wantState(in.KeyId, types.KeyStatePendingDeletion)
	}, []refusal{
		{"too soon", func(b *bench) error {
			return did(b.kms.ScheduleKeyDeletion(b.ctx, &kms.ScheduleKeyDeletionInput{KeyId: b.newKey(), PendingWindowInDays: aws.Int32(6)}))
		}, validation, ""},
		{"twice", func(b *bench) error {
			return did(b.kms.ScheduleKeyDeletion(b.ctx, &kms.ScheduleKeyDeletionInput{KeyId: b.newDoomedKey()}))
		}, invalidState, " is pending deletion."},
	}},
	{"CancelKeyDeletion", func(b *bench) {
		key := b.newDoomedKey()
		must(b.kms.CancelKeyDeletion(b.ctx, &kms.CancelKeyDeletionInput{KeyId: key}))(b.t)
		b.wantState(key, types.KeyStateDisabled)
	}, []refusal{
		{"a key that nobody deletes", func(b *bench) error {
			return did(b.kms.CancelKeyDeletion(b.ctx, &kms.CancelKeyDeletionInput{KeyId: b.newKey()}))
		}, invalidState, " is not pending deletion"},
	}},
	{"EnableKeyRotation", func(b *bench) {
		key := b.newKey()
		must(b.kms.EnableKeyRotation(b.ctx, &kms.EnableKeyRotationInput{KeyId: key, RotationPeriodInDays: aws.Int32(90)}))(b.t)
		out := must(b.kms.GetKeyRotationStatus(b.ctx, &kms.GetKeyRotationStatusInput{KeyId: key}))(b.t)
		if !out.KeyRotationEnabled || aws.ToInt32(out.RotationPeriodInDays) != 90 || time.Until(aws.ToTime(out.NextRotationDate)) < 89*24*time.Hour {
			b.t.Errorf("%+v", out)
		}
	}, []refusal{
		{"too often", func(b *bench) error {
			return did(b.kms.EnableKeyRotation(b.ctx, &kms.EnableKeyRotationInput{KeyId: b.newKey(), RotationPeriodInDays: aws.Int32(89)}))
		}, validation, "Value '89' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value greater than or equal to 90"},
		{"a disabled key", func(b *bench) error {
			return did(b.kms.EnableKeyRotation(b.ctx, &kms.EnableKeyRotationInput{KeyId: b.newDisabledKey()}))
		}, disabled, " is disabled."},
	}},
	{"DisableKeyRotation", func(b *bench) {
		key := b.newKey()
		must(b.kms.EnableKeyRotation(b.ctx, &kms.EnableKeyRotationInput{KeyId: key}))(b.t)
		must(b.kms.DisableKeyRotation(b.ctx, &kms.DisableKeyRotationInput{KeyId: key}))(b.t)
		if out := must(b.kms.GetKeyRotationStatus(b.ctx, &kms.GetKeyRotationStatusInput{KeyId: key}))(b.t); out.KeyRotationEnabled || out.RotationPeriodInDays != nil || out.NextRotationDate != nil {
			b.t.Errorf("%+v", out)
		}
	}, []refusal{
		{"an alias", func(b *bench) error {
			return did(b.kms.DisableKeyRotation(b.ctx, &kms.DisableKeyRotationInput{KeyId: anAlias}))
		}, invalidARN, noAliases},
	}},
	{"GetKeyRotationStatus", func(b *bench) {
		key := b.newKey()
		must(b.kms.EnableKeyRotation(b.ctx, &kms.EnableKeyRotationInput{KeyId: key}))(b.t)
		if out := must(b.kms.GetKeyRotationStatus(b.ctx, &kms.GetKeyRotationStatusInput{KeyId: key}))(b.t); aws.ToInt32(out.RotationPeriodInDays) != 365 || out.NextRotationDate == nil {
			b.t.Errorf("%+v", out)
		}
	}, []refusal{
		{"a key that there is not", func(b *bench) error {
			return did(b.kms.GetKeyRotationStatus(b.ctx, &kms.GetKeyRotationStatusInput{KeyId: &absentARN}))
		}, notFound, doesNotExist},
	}},
	{"RotateKeyOnDemand", func(b *bench) {
		key := b.newKey()
		old := b.seal(key, nil)
		must(b.kms.RotateKeyOnDemand(b.ctx, &kms.RotateKeyOnDemandInput{KeyId: key}))(b.t)
		before := must(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: old}))(b.t)
		after := must(b.kms.Decrypt(b.ctx, &kms.DecryptInput{CiphertextBlob: b.seal(key, nil)}))(b.t)
		if string(before.Plaintext) != "orders" || *before.KeyMaterialId == *after.KeyMaterialId {
			b.t.Errorf("%q, with %s and %s", before.Plaintext, *before.KeyMaterialId, *after.KeyMaterialId)
		}
	}, []refusal{
		{"a disabled key", func(b *bench) error {
			return did(b.kms.RotateKeyOnDemand(b.ctx, &kms.RotateKeyOnDemandInput{KeyId: b.newDisabledKey()}))
		}, disabled, " is disabled."},
		{"more often than AWS lets", func(b *bench) error {
			key := b.newKey()
			for range 25 {
				if err := did(b.kms.RotateKeyOnDemand(b.ctx, &kms.RotateKeyOnDemandInput{KeyId: key})); err != nil {
					return errors.New("it is refused too soon: " + err.Error())
				}
			}
			return did(b.kms.RotateKeyOnDemand(b.ctx, &kms.RotateKeyOnDemandInput{KeyId: key}))
		}, typed[*types.LimitExceededException](), "The on-demand rotations limit has been reached for the given keyId."},
	}},
	{"ListKeyRotations", func(b *bench) {
		key := b.newKey()
		must(b.kms.RotateKeyOnDemand(b.ctx, &kms.RotateKeyOnDemandInput{KeyId: key}))(b.t)
		done := must(b.kms.ListKeyRotations(b.ctx, &kms.ListKeyRotationsInput{KeyId: key}))(b.t).Rotations
		if len(done) != 1 || done[0].RotationType != types.RotationTypeOnDemand || time.Since(aws.ToTime(done[0].RotationDate)) > time.Hour || *done[0].KeyId != idOf(key) {
			b.t.Errorf("%+v", done)
		}
		all := must(b.kms.ListKeyRotations(b.ctx, &kms.ListKeyRotationsInput{KeyId: key, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial}))(b.t).Rotations
		if len(all) != 2 || all[0].RotationDate != nil || all[0].KeyMaterialState != types.KeyMaterialStateNonCurrent || all[1].KeyMaterialState != types.KeyMaterialStateCurrent {
			b.t.Errorf("%+v", all)
		}
	}, []refusal{
		{"a marker that is none", func(b *bench) error {
			return did(b.kms.ListKeyRotations(b.ctx, &kms.ListKeyRotationsInput{KeyId: b.newKey(), Marker: aws.String("x")}))
		}, invalidMarker, ""},
	}},
}

func (b *bench) newDisabledKey() *string {
	b.t.Helper()
	key := b.newKey()
	must(b.kms.DisableKey(b.ctx, &kms.DisableKeyInput{KeyId: key}))(b.t)
	return key
}

// newDoomedKey is about to be deleted.
func (b *bench) newDoomedKey() *string {
	b.t.Helper()
	key := b.newKey()
	must(b.kms.ScheduleKeyDeletion(b.ctx, &kms.ScheduleKeyDeletionInput{KeyId: key}))(b.t)
	return key
}

func (b *bench) wantState(key *string, want types.KeyState) {
	b.t.Helper()
	k := must(b.kms.DescribeKey(b.ctx, &kms.DescribeKeyInput{KeyId: key}))(b.t).KeyMetadata
	if k.KeyState != want || k.Enabled != (want == types.KeyStateEnabled) || (k.DeletionDate != nil) != (want == types.KeyStatePendingDeletion) {
		b.t.Errorf("it is %s, want %s: %+v", k.KeyState, want, k)
	}
}
