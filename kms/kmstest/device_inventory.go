package kmstest

import (
	"bytes"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// objectsOf is the part of the inventory that has the id.
func objectsOf(t *testing.T, d kms.Device, id device.ObjectID) []device.Object {
	t.Helper()
	all, err := d.Inventory(t.Context())
	must(t, "inventory", err)
	var ours []device.Object
	for _, o := range all {
		if bytes.Equal(o.ID, id[:]) {
			ours = append(ours, o)
		}
	}
	return ours
}

func objectOf(t *testing.T, d kms.Device, id device.ObjectID) device.Object {
	t.Helper()
	ours := objectsOf(t, d, id)
	if len(ours) != 1 {
		t.Fatalf("the inventory has %d objects with id %v, want 1", len(ours), id)
	}
	return ours[0]
}

func testInventory(t *testing.T, d kms.Device) {
	wrap, macKey := newBareKey(t, d).ID, newMACKey(t, d)
	o := objectOf(t, d, wrap)
	wantSafeObject(t, o, device.PurposeWrap)
	if o.KeyType != "AES" {
		t.Errorf("a wrap key is shown with key type %q", o.KeyType)
	}
	if o.Label != "kmstest "+wrap.String() {
		t.Errorf("a key is shown with label %q, not the one it was given", o.Label)
	}
	m := objectOf(t, d, macKey)
	wantSafeObject(t, m, device.PurposeMAC)
	if m.Handle == o.Handle {
		t.Errorf("two objects are shown with handle %d", o.Handle)
	}
}

// wantSafeObject: the attributes that custody depends on must be reported; the others must be right when they are,
// because not every token reports LOCAL and its like honestly, or has MODIFIABLE and COPYABLE at all.
func wantSafeObject(t *testing.T, o device.Object, p device.Purpose) {
	t.Helper()
	if o.Class != "secret key" || !o.HasValue {
		t.Errorf("a key for %v is shown as %q, with a value: %v", p, o.Class, o.HasValue)
	}
	want := safeAttributes(p)
	for _, name := range []string{"LOCAL", "ALWAYS_SENSITIVE", "NEVER_EXTRACTABLE", "MODIFIABLE", "COPYABLE"} {
		delete(want, name)
	}
	for name, value := range want {
		got, reported := o.Attributes[name]
		custody := name == "SENSITIVE" || name == "EXTRACTABLE"
		if custody && !reported || reported && got != value {
			t.Errorf("a key for %v is shown with %s %v (reported: %v), want %v", p, name, got, reported, value)
		}
	}
}

func testDebris(t *testing.T, d kms.Device) {
	k, macKey := newKey(t, d), newMACKey(t, d)
	for _, id := range []device.ObjectID{k.ID, macKey} {
		o := objectOf(t, d, id)
		wantClass(t, "destroy a whole key as debris", d.DestroyDebris(t.Context(), o))
		// The description is old by the time it is acted on, and a handle may have changed hands: the token decides.
		lie := o
		lie.ID, lie.HasValue = nil, false
		wantClass(t, "destroy a whole key described as debris", d.DestroyDebris(t.Context(), lie))
		wantHasKey(t, d, id, true)
	}
	half, err := d.HalfMade(t.Context())
	must(t, "list half-made objects", err)
	for _, o := range half {
		if o.HasValue || bytes.Equal(o.ID, k.ID[:]) || bytes.Equal(o.ID, macKey[:]) {
			t.Errorf("a whole key is listed as half made: %+v", o)
		}
	}
	wantWorks(t, d, k)
	mac(t, d, macKey, []byte("message"))
}
