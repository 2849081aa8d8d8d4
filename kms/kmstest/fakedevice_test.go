package kmstest

import (
	"os"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// flawVariable names a flaw of fakedevice_flaws_test.go in the environment of a child process that is to run the
// suite against a device with it.
const flawVariable = "KMSTEST_FLAW"

func TestFakeDeviceKeepsTheContract(t *testing.T) {
	for _, p := range []device.IVPolicy{
		device.IVHostRandom, device.IVWrittenBack, device.IVPrepended, device.IVAppended,
	} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			d := NewFakeDevice(FakeConfig{IV: p})
			TestDevice(t, func(t *testing.T) kms.Device { return withFlaw(t, d, os.Getenv(flawVariable)) })
			if left := d.Objects(); len(left) > 0 && !t.Failed() {
				t.Errorf("the suite left %d objects behind: %+v", len(left), left)
			}
		})
	}
}

func TestFakeDeviceSaysWhatItIs(t *testing.T) {
	plain := NewFakeDevice(FakeConfig{})
	if plain.Name() != "fake" || plain.Exclusive() {
		t.Errorf("the zero configuration gives %q, exclusive: %v", plain.Name(), plain.Exclusive())
	}
	own := NewFakeDevice(FakeConfig{Name: "kms", Exclusive: true, IV: device.IVAppended})
	if own.Name() != "kms" || !own.Exclusive() {
		t.Errorf("a configured token is %q, exclusive: %v", own.Name(), own.Exclusive())
	}
	k := newBareKey(t, own)
	if k.Cipher != (device.Cipher{Mechanism: mechanismGCM, IV: device.IVAppended}) {
		t.Errorf("its cipher is %+v", k.Cipher)
	}
	if iv := seal(t, own, k, []byte("aad"), nil).IV; len(iv) != 16 {
		t.Errorf("an appended IV has %d octets, want 16", len(iv))
	}
	k.Cipher.IV = device.IVHostRandom
	_, err := own.Encrypt(t.Context(), device.EncryptRequest{Key: k, AAD: []byte("aad")})
	wantClass(t, "encrypt under another IV policy", err, device.ErrUnsupported)
}
