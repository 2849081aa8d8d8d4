package kmstest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"

	"github.com/keyhold/keyhold/kms/device"
)

// fakeObject is a token object. Its slices and maps are never changed once it is in the token, only replaced.
type fakeObject struct {
	device.Object
	purpose device.Purpose // 0 for what Plant put there
	value   []byte
}

// public is the object as it may be shown: a copy, so that a test cannot reach into the token.
func (o fakeObject) public() device.Object {
	p := o.Object
	p.ID, p.Attributes = bytes.Clone(o.ID), maps.Clone(o.Attributes)
	return p
}

func (o fakeObject) whole() bool { return o.HasValue }

func (o fakeObject) is(id device.ObjectID) bool { return bytes.Equal(o.ID, id[:]) }

// newFakeObject is a whole key; the value is 32 octets for either purpose.
func newFakeObject(spec device.KeySpec) fakeObject {
	value := make([]byte, 32)
	_, _ = rand.Read(value) // never fails since Go 1.24
	o := device.Object{ID: bytes.Clone(spec.ID[:]), Label: spec.Label, Class: "secret key", KeyType: "AES", HasValue: true}
	if spec.Purpose == device.PurposeMAC {
		o.KeyType = "generic secret"
	}
	o.Attributes = safeAttributes(spec.Purpose)
	return fakeObject{Object: o, purpose: spec.Purpose, value: value}
}

// safeAttributes is the full template of ARCHITECTURE's custody rules, and what read-back must find.
func safeAttributes(p device.Purpose) map[string]bool {
	wrap, mac := p == device.PurposeWrap, p == device.PurposeMAC
	return map[string]bool{
		"TOKEN": true, "PRIVATE": true, "MODIFIABLE": false, "COPYABLE": false,
		"SENSITIVE": true, "EXTRACTABLE": false,
		"LOCAL": true, "ALWAYS_SENSITIVE": true, "NEVER_EXTRACTABLE": true,
		"ENCRYPT": wrap, "DECRYPT": wrap, "SIGN": mac, "VERIFY": mac,
		"WRAP": false, "UNWRAP": false, "DERIVE": false,
	}
}

func (d *FakeDevice) find(id device.ObjectID) (fakeObject, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.findLocked(id)
}

func (d *FakeDevice) findLocked(id device.ObjectID) (fakeObject, bool) {
	i := slices.IndexFunc(d.objects, func(o fakeObject) bool { return o.is(id) })
	if i < 0 {
		return fakeObject{}, false
	}
	return d.objects[i], true
}

// usable finds a key and refuses it for anything but its purpose, as a token does by its usage attributes.
func (d *FakeDevice) usable(id device.ObjectID, purpose device.Purpose) (fakeObject, error) {
	o, ok := d.find(id)
	if !ok {
		return fakeObject{}, fmt.Errorf("find %v: %w", id, device.ErrKeyNotFound)
	}
	if !o.HasValue || o.purpose != purpose {
		return fakeObject{}, fmt.Errorf("use %v for %v: %w", id, purpose, device.ErrUntrusted)
	}
	return o, nil
}

func (d *FakeDevice) addLocked(o fakeObject) error {
	if d.capacity > 0 && len(d.objects) >= d.capacity {
		return fmt.Errorf("add to %d objects: %w", len(d.objects), device.ErrCapacity)
	}
	d.lastHandle++
	o.Handle = d.lastHandle
	d.objects = append(d.objects, o)
	return nil
}

// remove deletes what matches and tells how many objects did.
func (d *FakeDevice) remove(match func(fakeObject) bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.objects)
	d.objects = slices.DeleteFunc(d.objects, match)
	return before - len(d.objects)
}
