package ops_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

func TestAKeyIsDeletedAfter7To30DaysUnlessItIsRescued(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		window *int32
		days   int
	}{{nil, 30}, {new(int32(7)), 7}, {new(int32(8)), 8}, {new(int32(30)), 30}} {
		t.Run(fmt.Sprintf("%d days", c.days), func(t *testing.T) {
			key := b.newKey()
			blob := b.encrypt(key, "attack at dawn", nil)
			end := b.clock.Now().Add(time.Duration(c.days) * day)
			out := must[*api.ScheduleKeyDeletionOutput](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &key, PendingWindowInDays: c.window})
			want := api.ScheduleKeyDeletionOutput{KeyID: keyARN(key), DeletionDate: api.TimeOf(end), KeyState: keyspec.StatePendingDeletion, PendingWindowInDays: int32(c.days)}
			if *out != want {
				t.Errorf("the answer is %+v, want %+v", *out, want)
			}
			m := b.metadata(key)
			if m.KeyState != keyspec.StatePendingDeletion || m.Enabled || m.DeletionDate != want.DeletionDate || m.PendingDeletionWindowInDays != 0 {
				t.Errorf("the key is %+v", m)
			}
			b.unchanged(t, func() {
				_, err := try[any](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &key})
				refused(t, err, badState, keyARN(key)+" is pending deletion.")
				_, err = b.decrypt(blob, nil)
				refused(t, err, badState, keyARN(key)+" is pending deletion.")
			})
			b.reopen()
			if cancel := must[*api.CancelKeyDeletionOutput](b, "CancelKeyDeletion", &api.CancelKeyDeletionInput{KeyID: &key}); cancel.KeyID != keyARN(key) {
				t.Errorf("CancelKeyDeletion answers %s, want the ARN", cancel.KeyID)
			}
			if m := b.metadata(key); m.KeyState != keyspec.StateDisabled || m.Enabled || m.DeletionDate != 0 {
				t.Errorf("the rescued key is %+v", m)
			}
			_, err := b.decrypt(blob, nil)
			refused(t, err, isDisabled, keyARN(key)+" is disabled.")
			must[any](b, "EnableKey", &api.EnableKeyInput{KeyID: &key})
			if got, err := b.decrypt(blob, nil); err != nil || got != "attack at dawn" {
				t.Errorf("the ciphertext opens to %q, %v", got, err)
			}
		})
	}
}

func TestOtherWindowsAreRefusedWhateverTheKey(t *testing.T) {
	b := newBench(t)
	for days, constraint := range map[int32]string{
		-1: "Member must have value greater than or equal to 7", 0: "Member must have value greater than or equal to 7",
		6: "Member must have value greater than or equal to 7", 31: "Member must have value less than or equal to 30",
		365: "Member must have value less than or equal to 30",
	} {
		_, err := try[any](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: new(unknownID), PendingWindowInDays: &days})
		refused(t, err, validation, fmt.Sprintf("%sValue '%d' at 'pendingWindowInDays' failed to satisfy constraint: %s", one, days, constraint))
	}
}

func TestADisabledKeyMayBeDeletedAndRescued(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	before := b.row(key)
	for _, operation := range []string{"DisableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "ScheduleKeyDeletion", "CancelKeyDeletion", "EnableKey", "EnableKey"} {
		must[any](b, operation, sample(t, operation, subject{key: key}))
	}
	after := b.row(key)
	if after.Rev != before.Rev+8 {
		t.Errorf("eight changes have brought revision %d to %d", before.Rev, after.Rev)
	}
	after.Rev, after.MAC = before.Rev, before.MAC
	if !reflect.DeepEqual(after, before) {
		t.Errorf("the key was %+v and is %+v", before, after)
	}
	_, err := try[any](b, "CancelKeyDeletion", &api.CancelKeyDeletionInput{KeyID: &key})
	refused(t, err, badState, keyARN(key)+" is not pending deletion.")
}
