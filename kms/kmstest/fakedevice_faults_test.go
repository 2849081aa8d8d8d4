package kmstest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/kms/device"
)

func sealX(ctx context.Context, d *FakeDevice, k device.Key, guard func() error) error {
	_, err := d.Encrypt(ctx, device.EncryptRequest{Key: k, AAD: []byte("aad"), Plaintext: []byte("x"), Guard: guard})
	return err
}

func TestFailNextHitsTheNextCallsOfOneMethod(t *testing.T) {
	d := NewFakeDevice(FakeConfig{})
	k := newBareKey(t, d)
	d.FailNext(MethodEncrypt, 2, device.ErrBusy)
	d.FailNext(MethodEncrypt, 1, device.ErrLogin)
	must(t, "random meanwhile", d.Random(t.Context(), make([]byte, 8)))
	for _, class := range []error{device.ErrBusy, device.ErrBusy, device.ErrLogin} {
		wantClass(t, "encrypt", sealX(t.Context(), d, k, nil), class)
	}
	must(t, "encrypt afterwards", sealX(t.Context(), d, k, nil))
	if n := d.Calls(MethodEncrypt); n != 4 {
		t.Errorf("4 encryptions were counted as %d", n)
	}
	if n := d.Calls(MethodDecrypt); n != 0 {
		t.Errorf("no decryption was counted as %d", n)
	}
}

func TestALostReplyHidesWorkThatWasDone(t *testing.T) {
	d := NewFakeDevice(FakeConfig{})
	id := freshID(t, d)
	d.LoseReply(MethodGenerateKey, 1)
	d.LoseReply(MethodDestroyKey, 1)
	c, err := d.GenerateKey(t.Context(), device.KeySpec{ID: id, Purpose: device.PurposeWrap})
	wantClass(t, "generate", err, device.ErrUnavailable)
	if c != (device.Cipher{}) {
		t.Errorf("a lost reply brought cipher %+v", c)
	}
	wantHasKey(t, d, id, true)
	wantClass(t, "destroy", d.DestroyKey(t.Context(), id), device.ErrUnavailable)
	wantHasKey(t, d, id, false)
	must(t, "destroy again", d.DestroyKey(t.Context(), id))
}

func TestDebrisIsLeftBehindAndCleanedUp(t *testing.T) {
	for _, kind := range []Debris{DebrisWithoutValue, DebrisWithoutID} {
		d := NewFakeDevice(FakeConfig{})
		id := freshID(t, d)
		d.LeaveDebris(kind)
		spec := device.KeySpec{ID: id, Label: "half-made", Purpose: device.PurposeWrap}
		_, err := d.GenerateKey(t.Context(), spec)
		wantClass(t, "generate", err, device.ErrUnavailable)
		all := d.Objects()
		if len(all) != 1 {
			t.Fatalf("%d objects were left behind, want 1", len(all))
		}
		o := all[0]
		if hasID := len(o.ID) > 0; o.HasValue || hasID != (kind == DebrisWithoutValue) {
			t.Errorf("debris of kind %d is %+v", kind, o)
		}
		wantHasKey(t, d, id, kind == DebrisWithoutValue)
		if kind == DebrisWithoutValue {
			k := device.Key{ID: id, Cipher: d.cipher()}
			wantClass(t, "use it", sealX(t.Context(), d, k, nil), device.ErrUntrusted)
		}
		must(t, "clean up", d.DestroyDebris(t.Context(), o))
		must(t, "clean up again", d.DestroyDebris(t.Context(), o))
		if left := d.Objects(); len(left) != 0 {
			t.Errorf("%d objects are left", len(left))
		}
		_, err = d.GenerateKey(t.Context(), spec)
		must(t, "generate afterwards", err)
	}
}

func TestADownTokenIsUnavailableAndRemembers(t *testing.T) {
	d := NewFakeDevice(FakeConfig{})
	k := newBareKey(t, d)
	d.SetDown(true)
	asked := false
	err := sealX(t.Context(), d, k, func() error { asked = true; return nil })
	wantClass(t, "encrypt", err, device.ErrUnavailable)
	if asked {
		t.Error("a guard ran though there was no session")
	}
	found, err := d.HasKey(t.Context(), k.ID)
	wantClass(t, "has key", err, device.ErrUnavailable)
	if found {
		t.Error("a down token found a key")
	}
	d.SetDown(false)
	wantWorks(t, d, k)
}

func TestAFullTokenMakesNoKey(t *testing.T) {
	d := NewFakeDevice(FakeConfig{})
	d.SetCapacity(1)
	k, id := newBareKey(t, d), freshID(t, d)
	_, err := d.GenerateKey(t.Context(), device.KeySpec{ID: id, Purpose: device.PurposeMAC})
	wantClass(t, "generate into a full token", err, device.ErrCapacity)
	wantHasKey(t, d, id, false)
	if !d.Vanish(k.ID) || d.Vanish(k.ID) {
		t.Error("a key should vanish once")
	}
	wantNoKey(t, d, k)
	_, err = d.GenerateKey(t.Context(), device.KeySpec{ID: id, Purpose: device.PurposeMAC})
	must(t, "generate into the room", err)
}

func TestACallWaitsAtItsGateBeforeItsGuard(t *testing.T) {
	d := NewFakeDevice(FakeConfig{})
	k := newBareKey(t, d)
	g := d.Block(MethodEncrypt, BeforeCall)
	revoked, errRevoked := false, errors.New("revoked")
	var call sync.WaitGroup
	var err error
	call.Go(func() {
		err = sealX(t.Context(), d, k, func() error {
			if revoked {
				return errRevoked
			}
			return nil
		})
	})
	g.Await(t, 1)
	revoked = true
	g.Release()
	g.Release()
	call.Wait()
	if !errors.Is(err, errRevoked) {
		t.Errorf("a call that waited: %v, want what its guard says now", err)
	}
	must(t, "encrypt through the open gate", sealX(t.Context(), d, k, nil))
}

func TestACallWaitsAtItsGateAfterItsWork(t *testing.T) {
	d := NewFakeDevice(FakeConfig{})
	id := freshID(t, d)
	g := d.Block(MethodGenerateKey, BeforeReply)
	ctx, cancel := context.WithCancel(t.Context())
	var call sync.WaitGroup
	var err error
	call.Go(func() { _, err = d.GenerateKey(ctx, device.KeySpec{ID: id, Purpose: device.PurposeWrap}) })
	g.Await(t, 1)
	wantHasKey(t, d, id, true)
	cancel()
	call.Wait()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was cancelled at its gate: %v", err)
	}
}

func TestAttributesAreCheckedByOrigin(t *testing.T) {
	d := NewFakeDevice(FakeConfig{})
	id := newBareKey(t, d).ID
	if !d.SetAttribute(id, "LOCAL", false) {
		t.Fatal("the key is not there")
	}
	err := d.CheckKey(t.Context(), id, device.PurposeWrap, device.OriginGenerated)
	wantClass(t, "check a generated key that is not LOCAL", err, device.ErrUntrusted)
	must(t, "check an imported one", d.CheckKey(t.Context(), id, device.PurposeWrap, device.OriginImported))
	d.SetAttribute(id, "EXTRACTABLE", true)
	err = d.CheckKey(t.Context(), id, device.PurposeWrap, device.OriginImported)
	wantClass(t, "check an extractable key", err, device.ErrUntrusted)
	if d.SetAttribute(device.ObjectID{1}, "LOCAL", true) {
		t.Error("an attribute of a missing key was set")
	}
}

func TestPlantedObjectsAreJudgedByWhatTheyAre(t *testing.T) {
	d := NewFakeDevice(FakeConfig{})
	foreign := device.Object{ID: []byte("theirs"), Label: "another application", Class: "data", HasValue: true}
	d.Plant(foreign)
	handle := d.Plant(device.Object{Class: "secret key"})
	all, err := d.Inventory(t.Context())
	must(t, "inventory", err)
	if len(all) != 2 || all[1].Handle != handle {
		t.Fatalf("the inventory is %+v", all)
	}
	wantClass(t, "destroy theirs", d.DestroyDebris(t.Context(), all[0]))
	must(t, "destroy the one without value", d.DestroyDebris(t.Context(), all[1]))
	if left := d.Objects(); len(left) != 1 || left[0].Label != foreign.Label {
		t.Errorf("left are %+v", left)
	}
}
