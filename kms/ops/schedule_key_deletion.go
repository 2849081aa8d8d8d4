package ops

import (
	"context"
	"strconv"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

var scheduleKeyDeletion = kms.Operation[*api.ScheduleKeyDeletionInput, *api.ScheduleKeyDeletionOutput]{
	Name:   "ScheduleKeyDeletion",
	Effect: kms.Mutate,
	Targets: func(in *api.ScheduleKeyDeletionInput) []kms.Target {
		return []kms.Target{kms.KeyOnly(in.KeyID, "kms:ScheduleKeyDeletion")}
	},
	Conditions: func(in *api.ScheduleKeyDeletionInput) map[string][]string {
		return map[string][]string{"kms:schedulekeydeletionpendingwindowindays": {strconv.Itoa(in.Window())}}
	},
	Admit: kms.Admit[*api.ScheduleKeyDeletionInput]{States: []kms.StateRule{kms.StatesToSchedule}},
	Change: func(_ context.Context, c *kms.Call, in *api.ScheduleKeyDeletionInput) (kms.Change, *api.ScheduleKeyDeletionOutput, error) {
		row := c.Key(0).Next()
		row.State = keyspec.StatePendingDeletion
		row.WindowDays = in.Window()
		row.DeletionAt = kms.MicrosOf(c.Now().AddDate(0, 0, in.Window()))
		return kms.Change{Keys: []kms.KeyRow{row}}, &api.ScheduleKeyDeletionOutput{
			KeyID: c.Key(0).ARN(), DeletionDate: api.Time(row.DeletionAt), KeyState: row.State,
			PendingWindowInDays: int32(row.WindowDays),
		}, nil
	},
}
