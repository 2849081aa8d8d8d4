package ops_test

import (
	"errors"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
)

func TestTheTokenProvesThatItHasTheDirectorysKey(t *testing.T) {
	b := newBench(t)
	if err := b.service.ProveAlive(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.device.SetDown(true)
	if err := b.service.ProveAlive(t.Context()); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("of a token that is down: %v", err)
	}
	b.device.SetDown(false)
	if err := b.service.ProveAlive(t.Context()); err != nil {
		t.Errorf("of a token that is back: %v", err)
	}
	b.device.Vanish(b.service.Meta().RowKey)
	if err := b.service.ProveAlive(t.Context()); err == nil {
		t.Error("a token without the key passes")
	}
}

// An event that the log could not take waits in the outbox; a server brings it into the log without another change.
func TestDeliverBringsWhatTheLogCouldNotTake(t *testing.T) {
	b := newBench(t)
	b.log.failWith(errors.New("the disk is full"))
	if _, err := b.service.Do(t.Context(), kms.Request{Operation: "CreateKey", Caller: b.service.Root("local", "test"), Input: &api.CreateKeyInput{}}); err == nil {
		t.Fatal("it was answered without a record")
	}
	if err := b.service.Deliver(t.Context()); err == nil {
		t.Error("the log takes nothing, and it does not say so")
	}
	b.log.failWith(nil)
	if err := b.service.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := b.store.Outbox(t.Context(), 10)
	if records := b.log.all(); err != nil || len(left) != 0 || len(records) != 1 || records[0]["eventName"] != "CreateKey" {
		t.Errorf("%d events wait, the log has %v, error %v", len(left), records, err)
	}
}

func TestUsageIsThatOfTheGenerationInUseThatHasMadeMost(t *testing.T) {
	b := newBench(t, func(c *kms.Config) { c.RenewAfter = 5 })
	before := b.service.Usage()
	if before.Highest != 0 || before.RenewAfter != 5 || before.Most != 1<<32 {
		t.Errorf("a new directory: %+v", before)
	}
	ask := func(operation string, in kms.Input) any {
		t.Helper()
		out, err := b.service.Do(t.Context(), kms.Request{Operation: operation, Caller: b.service.Root("local", "test"), Input: in})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	id := ask("CreateKey", &api.CreateKeyInput{}).(*api.CreateKeyOutput).KeyMetadata.KeyID
	most := uint64(0)
	for range 6 {
		ask("GenerateDataKeyWithoutPlaintext", &api.GenerateDataKeyWithoutPlaintextInput{KeyID: &id, NumberOfBytes: new(int32(16))})
		most = max(most, b.service.Usage().Highest)
	}
	if after := b.service.Usage().Highest; most != 5 || after >= most {
		t.Errorf("it was %d at most, and after the renewal %d", most, after)
	}
}
