package kmstest

import (
	"context"
	"fmt"
	"slices"

	"github.com/keyhold/keyhold/kms/device"
)

// GenerateKey makes a key unless its id is zero (device.ErrUnsupported) or taken (device.ErrUntrusted: ids are drawn
// from 128 bits, so a second use means a broken generator or a replayed birth).
func (d *FakeDevice) GenerateKey(ctx context.Context, spec device.KeySpec) (device.Cipher, error) {
	err := d.call(ctx, MethodGenerateKey, nil, func() error { return d.generate(spec) })
	if err != nil || spec.Purpose == device.PurposeMAC {
		return device.Cipher{}, err
	}
	return d.cipher(), nil
}

func (d *FakeDevice) generate(spec device.KeySpec) error {
	if spec.ID.IsZero() || spec.Purpose != device.PurposeWrap && spec.Purpose != device.PurposeMAC {
		return fmt.Errorf("generate %v for %v: %w", spec.ID, spec.Purpose, device.ErrUnsupported)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, taken := d.findLocked(spec.ID); taken {
		return fmt.Errorf("generate %v: the id is in use: %w", spec.ID, device.ErrUntrusted)
	}
	o := newFakeObject(spec)
	debris := d.faults.takeDebris()
	switch debris {
	case DebrisWithoutValue:
		o.HasValue, o.value = false, nil
	case DebrisWithoutID:
		o.ID, o.Label, o.HasValue, o.value = nil, "", false, nil
	}
	if err := d.addLocked(o); err != nil {
		return err
	}
	if debris != 0 {
		return fmt.Errorf("generate %v: died half-way: %w", spec.ID, device.ErrUnavailable)
	}
	return nil
}

// CheckKey compares the key's attributes with what GenerateKey gave it; see SetAttribute.
func (d *FakeDevice) CheckKey(ctx context.Context, id device.ObjectID, purpose device.Purpose, origin device.Origin) error {
	return d.call(ctx, MethodCheckKey, nil, func() error {
		o, err := d.usable(id, purpose)
		if err != nil {
			return err
		}
		want := safeAttributes(purpose)
		if origin == device.OriginImported {
			for _, name := range []string{"LOCAL", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE"} {
				delete(want, name)
			}
		}
		for name, value := range want {
			if o.Attributes[name] != value {
				return fmt.Errorf("check %v: %s is %v: %w", id, name, !value, device.ErrUntrusted)
			}
		}
		return nil
	})
}

// HasKey finds whole and half-made objects alike.
func (d *FakeDevice) HasKey(ctx context.Context, id device.ObjectID) (bool, error) {
	var found bool
	err := d.call(ctx, MethodHasKey, nil, func() error {
		_, found = d.find(id)
		return nil
	})
	return found && err == nil, err
}

// DestroyKey removes every object with the id.
func (d *FakeDevice) DestroyKey(ctx context.Context, id device.ObjectID) error {
	return d.call(ctx, MethodDestroyKey, nil, func() error {
		d.remove(func(o fakeObject) bool { return o.is(id) })
		return nil
	})
}

// Inventory lists the objects in the order of their birth.
func (d *FakeDevice) Inventory(ctx context.Context) ([]device.Object, error) {
	var all []device.Object
	err := d.call(ctx, MethodInventory, nil, func() error {
		all = d.Objects()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// HalfMade lists what Inventory has of them.
func (d *FakeDevice) HalfMade(ctx context.Context) ([]device.Object, error) {
	var half []device.Object
	err := d.call(ctx, MethodHalfMade, nil, func() error {
		half = slices.DeleteFunc(d.Objects(), func(o device.Object) bool { return !o.HalfMade() })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return half, nil
}

// DestroyDebris judges by the object that now has the handle, not by the caller's description of it. One that is
// already gone is nil; a whole one is device.ErrUntrusted.
func (d *FakeDevice) DestroyDebris(ctx context.Context, o device.Object) error {
	return d.call(ctx, MethodDestroyDebris, nil, func() error {
		d.remove(func(x fakeObject) bool { return x.Handle == o.Handle && !x.whole() })
		// Handles are never used twice, so what still has this one is whole.
		for _, x := range d.Objects() {
			if x.Handle == o.Handle {
				return fmt.Errorf("destroy object %d (%q): it is whole: %w", o.Handle, x.Label, device.ErrUntrusted)
			}
		}
		return nil
	})
}
