package kmstest

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// flaws are devices that break one rule each, and the case of the suite that must notice. The suite runs against
// them in a child process, because a test that fails cannot be part of one that passes.
var flaws = []struct {
	name   string
	caught string
	wrap   func(d *FakeDevice) kms.Device
}{
	{"uses one IV for every message", "an IV is never used twice",
		func(d *FakeDevice) kms.Device { d.SetConstantIV(true); return d }},
	{"ignores AAD", "a forged ciphertext is invalid data and the key works afterwards/under another AAD/for a key with a canary",
		func(d *FakeDevice) kms.Device { return ignoresAAD{d} }},
	{"accepts a wrong tag", "a forged ciphertext is invalid data and the key works afterwards/with a flipped bit in any octet of ciphertext or tag/for a key without a canary",
		func(d *FakeDevice) kms.Device { return acceptsAnyTag{d} }},
	{"ignores guards", "a guard's error comes back unchanged and nothing is done",
		func(d *FakeDevice) kms.Device { return ignoresGuards{d} }},
	{"wraps a guard's error", "a guard's error comes back unchanged and nothing is done",
		func(d *FakeDevice) kms.Device { return wrapsErrors{d} }},
	{"never finds a key", "a generated key passes its read-back",
		func(d *FakeDevice) kms.Device { return neverHas{d} }},
	{"finds every key", "a destroyed key is gone and may be destroyed again",
		func(d *FakeDevice) kms.Device { return alwaysHas{d} }},
	{"makes extractable keys", "the inventory shows our keys as they were made",
		func(d *FakeDevice) kms.Device { return makesExtractable{d} }},
	{"trusts every key", "a key is untrusted for another purpose",
		func(d *FakeDevice) kms.Device { return trustsAll{d} }},
	{"replaces the key under an id", "an id in use is refused and its key stays",
		func(d *FakeDevice) kms.Device { return replacesKeys{d} }},
	{"never destroys", "a destroyed key is gone and may be destroyed again",
		func(d *FakeDevice) kms.Device { return neverDestroys{d} }},
	{"destroys whole keys as debris", "a whole key is not debris",
		func(d *FakeDevice) kms.Device { return destroysAnything{d} }},
	{"blames the ciphertext for a missing key", "a key that was never made is not found",
		func(d *FakeDevice) kms.Device { return blamesData{d} }},
	{"calls itself unavailable when the data are bad", "a forged ciphertext is invalid data and the key works afterwards/of another key/for a key with a canary",
		func(d *FakeDevice) kms.Device { return blamesToken{d} }},
	{"ignores its context", "a cancelled call ends at once with the context's error",
		func(d *FakeDevice) kms.Device { return ignoresContext{d} }},
	{"gives predictable random octets", "random octets differ from call to call",
		func(d *FakeDevice) kms.Device { return notRandom{d} }},
}

func withFlaw(t *testing.T, d *FakeDevice, name string) kms.Device {
	for _, f := range flaws {
		if f.name == name {
			return f.wrap(d)
		}
	}
	if name != "" {
		t.Fatalf("%s=%q names no flaw", flawVariable, name)
	}
	return d
}

const flawedRun = "TestFakeDeviceKeepsTheContract/host-random"

func TestDeviceContractCatches(t *testing.T) {
	if os.Getenv(flawVariable) != "" {
		t.Fatal("a child process must not start children")
	}
	for _, f := range flaws {
		t.Run("a device that "+f.name, func(t *testing.T) {
			t.Parallel()
			out, err := runSuite(t, f.name)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Fatalf("the suite ended with %v, want exit code 1\n%s", err, out)
			}
			want := "--- FAIL: " + flawedRun + "/" + strings.ReplaceAll(f.caught, " ", "_") + " ("
			if !strings.Contains(out, want) {
				t.Errorf("the suite failed, but not with %q\n%s", want, out)
			}
			if strings.Contains(out, "panic:") {
				t.Errorf("the suite panicked\n%s", out)
			}
		})
	}
	t.Run("nothing in a device without flaw", func(t *testing.T) {
		t.Parallel()
		if out, err := runSuite(t, ""); err != nil || !strings.Contains(out, "--- PASS: "+flawedRun+" (") {
			t.Errorf("the suite ended with %v\n%s", err, out)
		}
	})
}

func runSuite(t *testing.T, flaw string) (string, error) {
	self, err := os.Executable()
	must(t, "find the test binary", err)
	child := exec.CommandContext(t.Context(), self, "-test.v", "-test.short", "-test.timeout=2m",
		"-test.run=^"+strings.ReplaceAll(flawedRun, "/", "$/^")+"$")
	child.Env = append(os.Environ(), flawVariable+"="+flaw)
	out, err := child.CombinedOutput()
	return string(out), err
}

type ignoresAAD struct{ *FakeDevice }

func (d ignoresAAD) Encrypt(ctx context.Context, r device.EncryptRequest) (device.Sealed, error) {
	r.AAD = []byte("always the same")
	return d.FakeDevice.Encrypt(ctx, r)
}

func (d ignoresAAD) Decrypt(ctx context.Context, r device.DecryptRequest) ([]byte, error) {
	r.AAD = []byte("always the same")
	return d.FakeDevice.Decrypt(ctx, r)
}

type acceptsAnyTag struct{ *FakeDevice }

func (d acceptsAnyTag) Decrypt(ctx context.Context, r device.DecryptRequest) ([]byte, error) {
	plaintext, err := d.FakeDevice.Decrypt(ctx, r)
	body := len(r.Sealed.Ciphertext) - device.TagSize
	if !errors.Is(err, device.ErrInvalidData) || body < 0 || len(r.Sealed.IV) != 12 {
		return plaintext, err
	}
	o, _ := d.find(r.Key.ID)
	block, err := aes.NewCipher(o.value)
	if err != nil {
		return nil, err
	}
	// GCM is CTR from 2 on with a tag; see SP 800-38D section 7.2.
	counter := append(append([]byte(nil), r.Sealed.IV...), 0, 0, 0, 2)
	plaintext = make([]byte, body)
	cipher.NewCTR(block, counter).XORKeyStream(plaintext, r.Sealed.Ciphertext[:body])
	return plaintext, nil
}

type ignoresGuards struct{ *FakeDevice }

func (d ignoresGuards) Encrypt(ctx context.Context, r device.EncryptRequest) (device.Sealed, error) {
	r.Guard = nil
	return d.FakeDevice.Encrypt(ctx, r)
}

func (d ignoresGuards) Decrypt(ctx context.Context, r device.DecryptRequest) ([]byte, error) {
	r.Guard = nil
	return d.FakeDevice.Decrypt(ctx, r)
}
