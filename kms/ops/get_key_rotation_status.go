package ops

import (
	"context"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// A key that is pending deletion does not rotate; cancelling brings the setting back.
var getKeyRotationStatus = kms.Operation[*api.GetKeyRotationStatusInput, *api.GetKeyRotationStatusOutput]{
	Name:   "GetKeyRotationStatus",
	Effect: kms.Read,
	Targets: func(in *api.GetKeyRotationStatusInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:GetKeyRotationStatus").AcrossAccounts()}
	},
	Admit: kms.Admit[*api.GetKeyRotationStatusInput]{
		Origins: []keyspec.Origin{keyspec.OriginKMS},
		States:  []kms.StateRule{kms.StatesAny},
	},
	Run: func(_ context.Context, c *kms.Call, _ *api.GetKeyRotationStatusInput) (*api.GetKeyRotationStatusOutput, error) {
		row := c.Key(0).Row()
		out := &api.GetKeyRotationStatusOutput{KeyID: string(row.ID)}
		if row.RotationPeriodDays > 0 && row.State != keyspec.StatePendingDeletion {
			out.KeyRotationEnabled = true
			out.RotationPeriodInDays = int32(row.RotationPeriodDays)
			out.NextRotationDate = api.TimeOf(nextRotation(row, c.Now()))
		}
		return out, nil
	},
}

// nextRotation is the first whole period after the base that is not yet past.
func nextRotation(row kms.KeyRow, now time.Time) time.Time {
	period := time.Duration(row.RotationPeriodDays) * 24 * time.Hour
	base := row.RotationBase.Time()
	periods := max(now.Sub(base), 0)/period + 1
	return base.Add(periods * period)
}
