package ops_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

const day = 24 * time.Hour

// status is the answer of GetKeyRotationStatus on the wire.
func (b *bench) status(key string) string {
	b.t.Helper()
	return mustEncode(b.t, must[any](b, "GetKeyRotationStatus", &api.GetKeyRotationStatusInput{KeyID: &key}))
}

func off(key string) string { return `{"KeyRotationEnabled":false,"KeyId":"` + key + `"}` }

func on(key string, days int, next time.Time) string {
	return fmt.Sprintf(`{"KeyRotationEnabled":true,"KeyId":"%s","RotationPeriodInDays":%d,"NextRotationDate":%d}`, key, days, next.Unix())
}

func TestTheRotationScheduleStartsWhenItIsSet(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	enable := func(days ...int32) {
		t.Helper()
		in := &api.EnableKeyRotationInput{KeyID: &key}
		if len(days) > 0 {
			in.RotationPeriodInDays = &days[0]
		}
		must[*api.EnableKeyRotationOutput](b, "EnableKeyRotation", in)
	}
	is := func(what, want string) {
		t.Helper()
		if got := b.status(key); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	is("a new key", off(key))
	start := b.clock.Now()
	enable()
	is("a year unless told otherwise", on(key, 365, start.Add(365*day)))
	b.clock.Advance(10 * day)
	enable(365)
	is("the same period again leaves the clock running", on(key, 365, start.Add(365*day)))
	enable(90)
	start = b.clock.Now()
	is("another period starts it again", on(key, 90, start.Add(90*day)))
	b.clock.Advance(5 * day)
	must[any](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key})
	is("a rotation on demand does not move it", on(key, 90, start.Add(90*day)))
	b.clock.Advance(200 * day)
	is("it goes on by whole periods", on(key, 90, start.Add(270*day)))
	must[any](b, "DisableKey", &api.DisableKeyInput{KeyID: &key})
	is("a disabled key keeps it", on(key, 90, start.Add(270*day)))
	must[any](b, "EnableKey", &api.EnableKeyInput{KeyID: &key})
	must[any](b, "DisableKeyRotation", &api.DisableKeyRotationInput{KeyID: &key})
	is("turned off", off(key))
	must[any](b, "DisableKeyRotation", &api.DisableKeyRotationInput{KeyID: &key})
	is("turned off twice", off(key))
	if row := b.row(key); row.RotationPeriodDays != 0 || row.RotationBase != 0 {
		t.Errorf("turned off, the row still has a schedule: %+v", row)
	}
	enable(2560)
	is("turned on again it starts again", on(key, 2560, b.clock.Now().Add(2560*day)))
	b.reopen()
	is("after a restart", on(key, 2560, b.clock.Now().Add(2560*day)))
}

func TestAKeyPendingDeletionDoesNotRotateUntilItIsRescued(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	start := b.clock.Now()
	must[any](b, "EnableKeyRotation", &api.EnableKeyRotationInput{KeyID: &key, RotationPeriodInDays: new(int32(100))})
	must[any](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &key})
	if got := b.status(key); got != off(key) {
		t.Errorf("pending deletion: %s", got)
	}
	pending := keyARN(key) + " is pending deletion."
	b.unchanged(t, func() {
		for _, operation := range []string{"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"} {
			_, err := try[any](b, operation, sample(t, operation, subject{key: key}))
			refused(t, err, badState, pending)
		}
	})
	must[any](b, "CancelKeyDeletion", &api.CancelKeyDeletionInput{KeyID: &key})
	if got := b.status(key); got != on(key, 100, start.Add(100*day)) {
		t.Errorf("rescued: %s", got)
	}
}

func TestRotationPeriodsAreOf90To2560Days(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	for days, constraint := range map[int32]string{
		89: "Member must have value greater than or equal to 90", 0: "Member must have value greater than or equal to 90",
		2561: "Member must have value less than or equal to 2560",
	} {
		_, err := try[any](b, "EnableKeyRotation", &api.EnableKeyRotationInput{KeyID: new(unknownID), RotationPeriodInDays: &days})
		refused(t, err, validation, fmt.Sprintf("%sValue '%d' at 'rotationPeriodInDays' failed to satisfy constraint: %s", one, days, constraint))
	}
	for _, days := range []int32{90, 2560} {
		must[any](b, "EnableKeyRotation", &api.EnableKeyRotationInput{KeyID: &key, RotationPeriodInDays: &days})
	}
}

// rotateUntilRefused rotates at most n times and answers how often it went well.
func (b *bench) rotateUntilRefused(key string, n int) (int, error) {
	b.t.Helper()
	for i := range n {
		if _, err := try[any](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key}); err != nil {
			return i, err
		}
	}
	return n, nil
}

func TestAKeyIsRotatedOnDemandAsOftenAsConfigured(t *testing.T) {
	for _, c := range []struct {
		story       string
		limit, want int
	}{
		{"25 times, as with AWS", api.MaxOnDemandRotations, 25}, {"twice", 2, 2}, {"without limit", 0, 27},
	} {
		t.Run(c.story, func(t *testing.T) {
			b := newBench(t, func(config *kms.Config) { config.MaxOnDemandRotations = c.limit })
			key := b.newKey()
			first := b.encrypt(key, "attack at dawn", nil)
			n, err := b.rotateUntilRefused(key, 27)
			if n != c.want {
				t.Errorf("it was rotated %d times: %v", n, err)
			}
			if c.limit > 0 {
				b.unchanged(t, func() {
					_, err = b.rotateUntilRefused(key, 1)
					refused(t, err, "LimitExceededException", "The on-demand rotations limit has been reached for the given keyId. "+
						"No more on-demand rotations can be performed for this key: "+keyARN(key))
				})
			}
			if got, err := b.decrypt(first, nil); err != nil || got != "attack at dawn" {
				t.Errorf("the first ciphertext opens to %q, %v", got, err)
			}
			if _, err := b.rotateUntilRefused(b.newKey(), 1); err != nil {
				t.Errorf("another key has its own count: %v", err)
			}
		})
	}
}

func TestListKeyRotationsTellsTheHistoryOldestFirst(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	list := func(include *keyspec.IncludeKeyMaterial) []api.RotationsListEntry {
		t.Helper()
		return must[*api.ListKeyRotationsOutput](b, "ListKeyRotations", &api.ListKeyRotationsInput{KeyID: &key, IncludeKeyMaterial: include}).Rotations
	}
	material := func() string { return b.metadata(key).CurrentKeyMaterialID }
	materials := []string{material()}
	var dates []api.Time
	for range 3 {
		b.clock.Advance(day)
		must[any](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key})
		materials, dates = append(materials, material()), append(dates, api.TimeOf(b.clock.Now()))
	}
	all := list(new(keyspec.AllKeyMaterial))
	rotations := list(nil)
	if again := list(new(keyspec.RotationsOnly)); !slices.Equal(again, rotations) || len(all) != 4 || !slices.Equal(all[1:], rotations) {
		t.Fatalf("ROTATIONS_ONLY is the default and ALL_KEY_MATERIAL adds the first:\n%+v\n%+v", all, rotations)
	}
	for i, e := range all {
		want := api.RotationsListEntry{KeyID: key, KeyMaterialID: materials[i], KeyMaterialState: keyspec.MaterialNonCurrent}
		if i > 0 {
			want.RotationType, want.RotationDate = keyspec.RotationOnDemand, dates[i-1]
		}
		if i == 3 {
			want.KeyMaterialState = keyspec.MaterialCurrent
		}
		if e != want {
			t.Errorf("entry %d is %+v, want %+v", i, e, want)
		}
	}
	if got := mustEncode(t, all[0]); got != `{"KeyId":"`+key+`","KeyMaterialId":"`+materials[0]+`","KeyMaterialState":"NON_CURRENT"}` {
		t.Errorf("the first material on the wire: %s", got)
	}
}

func (b *bench) metadata(key string) api.KeyMetadata {
	b.t.Helper()
	return must[*api.DescribeKeyOutput](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &key}).KeyMetadata
}

func TestANewGenerationEncryptsAndEveryOneDecrypts(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	var blobs [][]byte
	for range 4 {
		blobs = append(blobs, b.encrypt(key, "attack at dawn", nil))
		must[any](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key})
	}
	b.reopen()
	history := must[*api.ListKeyRotationsOutput](b, "ListKeyRotations", &api.ListKeyRotationsInput{KeyID: &key, IncludeKeyMaterial: new(keyspec.AllKeyMaterial)}).Rotations
	for i, blob := range blobs {
		out := must[*api.DecryptOutput](b, "Decrypt", &api.DecryptInput{CiphertextBlob: blob})
		if out.KeyMaterialID != history[i].KeyMaterialID || string(out.Plaintext) != "attack at dawn" {
			t.Errorf("ciphertext %d was opened with material %s, want %s", i, out.KeyMaterialID, history[i].KeyMaterialID)
		}
	}
}
