package kmstest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

var _ kms.Device = (*FakeDevice)(nil)

// FakeConfig describes a FakeDevice.
type FakeConfig struct {
	Name      string          // the token's label; "fake" when empty
	IV        device.IVPolicy // who makes the IV; IVHostRandom when zero
	Exclusive bool            // what Exclusive answers
}

// FakeDevice is a token in memory: its cryptography is real, its custody is not. It keeps its objects for as long as
// it lives, so one that is handed from a kms.Service to the next is a token that outlived a restart. Faults are asked
// for by its other methods and hit the methods of kms.Device only.
type FakeDevice struct {
	config FakeConfig

	mu         sync.Mutex
	objects    []fakeObject // in the order of their birth
	lastHandle uint64
	capacity   int // 0: no limit
	constantIV bool
	faults     faults
}

// NewFakeDevice makes an empty token.
func NewFakeDevice(c FakeConfig) *FakeDevice {
	if c.Name == "" {
		c.Name = "fake"
	}
	if c.IV == 0 {
		c.IV = device.IVHostRandom
	}
	return &FakeDevice{config: c, faults: newFaults()}
}

// Name is the label of FakeConfig.
func (d *FakeDevice) Name() string { return d.config.Name }

// Exclusive is what FakeConfig says.
func (d *FakeDevice) Exclusive() bool { return d.config.Exclusive }

// Random fills p from crypto/rand.
func (d *FakeDevice) Random(ctx context.Context, p []byte) error {
	return d.call(ctx, MethodRandom, nil, func() error {
		_, err := io.ReadFull(rand.Reader, p)
		return err
	})
}

// Encrypt seals with AES-256-GCM, the IV made as the policy says. A request for another cipher than the token's is
// device.ErrUnsupported: on a real token it could mean one IV for every message.
func (d *FakeDevice) Encrypt(ctx context.Context, req device.EncryptRequest) (device.Sealed, error) {
	var sealed device.Sealed
	err := d.call(ctx, MethodEncrypt, req.Guard, func() error {
		if len(req.AAD) == 0 || req.Key.Cipher != d.cipher() {
			return fmt.Errorf("encrypt with %d octets of AAD and %+v: %w", len(req.AAD), req.Key.Cipher, device.ErrUnsupported)
		}
		o, err := d.usable(req.Key.ID, device.PurposeWrap)
		if err != nil {
			return err
		}
		sealed, err = d.seal(o.value, req)
		return err
	})
	if err != nil {
		return device.Sealed{}, err
	}
	return sealed, nil
}

// Decrypt opens what Encrypt sealed under any policy; the canary is not needed, as crypto/cipher is never ambiguous.
func (d *FakeDevice) Decrypt(ctx context.Context, req device.DecryptRequest) ([]byte, error) {
	var plaintext []byte
	err := d.call(ctx, MethodDecrypt, req.Guard, func() error {
		o, err := d.usable(req.Key.ID, device.PurposeWrap)
		if err != nil {
			return err
		}
		plaintext, err = openSealed(o.value, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	return plaintext, nil
}

// MAC is HMAC-SHA256.
func (d *FakeDevice) MAC(ctx context.Context, id device.ObjectID, message []byte) ([]byte, error) {
	var sum []byte
	err := d.call(ctx, MethodMAC, nil, func() error {
		o, err := d.usable(id, device.PurposeMAC)
		if err != nil {
			return err
		}
		h := hmac.New(sha256.New, o.value)
		h.Write(message)
		sum = h.Sum(nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return sum, nil
}

func (d *FakeDevice) hasConstantIV() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.constantIV
}
