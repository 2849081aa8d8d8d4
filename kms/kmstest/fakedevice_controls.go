package kmstest

import (
	"bytes"
	"maps"

	"github.com/keyhold/keyhold/kms/device"
)

// Debris is what a GenerateKey that dies half-way leaves in the token.
type Debris int

// The kinds of debris, as SoftHSM leaves them when its process is killed.
const (
	DebrisWithoutValue Debris = iota + 1 // an object with the id asked for, but without value
	DebrisWithoutID                      // an object without id, label and value
)

// FailNext makes the next n calls of m fail with the given class, after the guard and before any work. Failures
// asked for earlier come first.
func (d *FakeDevice) FailNext(m Method, n int, class error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range n {
		d.faults.failing[m] = append(d.faults.failing[m], class)
	}
}

// LoseReply lets the next n successful calls of m do their work, and then answer device.ErrUnavailable.
func (d *FakeDevice) LoseReply(m Method, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.lost[m] += n
}

// LeaveDebris makes the next GenerateKey leave a half-made object and answer device.ErrUnavailable.
func (d *FakeDevice) LeaveDebris(kind Debris) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.debris = append(d.faults.debris, kind)
}

// SetDown takes the token away (every method is device.ErrUnavailable, before its guard) or brings it back.
func (d *FakeDevice) SetDown(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.down = down
}

// SetCapacity bounds the number of objects: GenerateKey beyond it is device.ErrCapacity. 0: no limit.
func (d *FakeDevice) SetCapacity(objects int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.capacity = objects
}

// SetConstantIV makes the token use one IV for every message, the failure that IV checks exist for.
func (d *FakeDevice) SetConstantIV(broken bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.constantIV = broken
}

// SetAttribute changes a boolean attribute of the key with the given id, as if the token had lied when it was made.
// It tells whether there is such a key.
func (d *FakeDevice) SetAttribute(id device.ObjectID, name string, value bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, o := range d.objects {
		if o.is(id) {
			changed := maps.Clone(o.Attributes)
			changed[name] = value
			d.objects[i].Attributes = changed
			return true
		}
	}
	return false
}

// Plant puts an object into the token that GenerateKey did not make: another application's, or debris from before.
// No key operation can use it. It answers the object's handle; the capacity does not bind it.
func (d *FakeDevice) Plant(o device.Object) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	o.ID, o.Attributes = bytes.Clone(o.ID), maps.Clone(o.Attributes)
	d.lastHandle++
	o.Handle = d.lastHandle
	d.objects = append(d.objects, fakeObject{Object: o})
	return o.Handle
}

// Vanish deletes every object with this id behind the service's back, and tells whether there was one.
func (d *FakeDevice) Vanish(id device.ObjectID) bool {
	return d.remove(func(o fakeObject) bool { return o.is(id) }) > 0
}

// Objects lists the token's objects in the order of their birth, whatever faults are set; it counts as no call.
func (d *FakeDevice) Objects() []device.Object {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]device.Object, 0, len(d.objects))
	for _, o := range d.objects {
		all = append(all, o.public())
	}
	return all
}

// Calls counts the calls of m since the token was made, the failed ones too.
func (d *FakeDevice) Calls(m Method) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults.calls[m]
}
