package kmstest

import (
	"context"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
)

// Method names a method of kms.Device that takes a context, for faults and counts.
type Method string

// The methods.
const (
	MethodRandom        Method = "Random"
	MethodEncrypt       Method = "Encrypt"
	MethodDecrypt       Method = "Decrypt"
	MethodMAC           Method = "MAC"
	MethodGenerateKey   Method = "GenerateKey"
	MethodCheckKey      Method = "CheckKey"
	MethodHasKey        Method = "HasKey"
	MethodDestroyKey    Method = "DestroyKey"
	MethodInventory     Method = "Inventory"
	MethodHalfMade      Method = "HalfMade"
	MethodDestroyDebris Method = "DestroyDebris"
)

// faults is guarded by FakeDevice.mu.
type faults struct {
	down    bool
	calls   map[Method]int
	failing map[Method][]error // one per call to come
	lost    map[Method]int     // replies still to lose
	gates   map[gatePlace]*Gate
	debris  []Debris // one per GenerateKey to come
}

func newFaults() faults {
	return faults{
		calls: map[Method]int{}, failing: map[Method][]error{}, lost: map[Method]int{}, gates: map[gatePlace]*Gate{},
	}
}

func (f *faults) takeDebris() Debris {
	if len(f.debris) == 0 {
		return 0
	}
	next := f.debris[0]
	f.debris = f.debris[1:]
	return next
}

func (f *faults) takeFailure(m Method) error {
	if len(f.failing[m]) == 0 {
		return nil
	}
	next := f.failing[m][0]
	f.failing[m] = f.failing[m][1:]
	return next
}

func (f *faults) takeLostReply(m Method) bool {
	if f.lost[m] == 0 {
		return false
	}
	f.lost[m]--
	return true
}

// call is the life of every call: get a session (or wait at a gate), ask the guard, work, answer. A guard runs as
// late as on a real token, so that a test can change the world while the call waits for its session.
func (d *FakeDevice) call(ctx context.Context, m Method, guard func() error, work func() error) error {
	if err := d.obtainSession(ctx, m); err != nil {
		return err
	}
	if guard != nil {
		if err := guard(); err != nil {
			return err
		}
	}
	if err := d.nextFailure(m); err != nil {
		return fmt.Errorf("fake token: %s: %w", m, err)
	}
	if err := work(); err != nil {
		return err
	}
	return d.answer(ctx, m)
}

func (d *FakeDevice) obtainSession(ctx context.Context, m Method) error {
	d.count(m)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.waitAt(ctx, gatePlace{m, BeforeCall}); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.faults.down {
		return fmt.Errorf("fake token: %s: it is down: %w", m, device.ErrUnavailable)
	}
	return nil
}

func (d *FakeDevice) count(m Method) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.calls[m]++
}

func (d *FakeDevice) nextFailure(m Method) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults.takeFailure(m)
}

func (d *FakeDevice) answer(ctx context.Context, m Method) error {
	if err := d.waitAt(ctx, gatePlace{m, BeforeReply}); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.faults.takeLostReply(m) {
		return fmt.Errorf("fake token: %s: the reply was lost: %w", m, device.ErrUnavailable)
	}
	return nil
}
