package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// classes are the classes of a token's failures, a word for each.
var classes = []struct {
	class error
	word  string
}{
	{device.ErrInvalidData, "invalid-data"}, {device.ErrBusy, "busy"}, {device.ErrCapacity, "capacity"},
	{device.ErrUnavailable, "unavailable"}, {device.ErrLogin, "login"}, {device.ErrKeyNotFound, "key-not-found"},
	{device.ErrUntrusted, "untrusted"}, {device.ErrUnsupported, "unsupported"},
	{context.Canceled, "canceled"}, {context.DeadlineExceeded, "deadline"},
}

func classOf(err error) string {
	for _, c := range classes {
		if errors.Is(err, c.class) {
			return c.word
		}
	}
	return "other"
}

// metered is a device whose calls are counted.
type metered struct {
	kms.Device
	m   *Metrics
	now func() time.Time
}

// Device is d with its calls counted: how long each takes, and how it fails. now is the clock.
func (m *Metrics) Device(d kms.Device, now func() time.Time) kms.Device { return &metered{d, m, now} }

// timed counts one call.
func timed[T any](d *metered, call string, run func() (T, error)) (T, error) {
	began := d.now()
	v, err := run()
	d.m.calls.WithLabelValues(call).Observe(d.now().Sub(began).Seconds())
	if err != nil {
		d.m.failures.WithLabelValues(call, classOf(err)).Inc()
	}
	return v, err
}

// alone is timed for a call that answers nothing but an error.
func alone(d *metered, call string, run func() error) error {
	_, err := timed(d, call, func() (struct{}, error) { return struct{}{}, run() })
	return err
}

// Random implements kms.Device.
func (d *metered) Random(ctx context.Context, p []byte) error {
	return alone(d, "random", func() error { return d.Device.Random(ctx, p) })
}

// Encrypt implements kms.Device.
func (d *metered) Encrypt(ctx context.Context, req device.EncryptRequest) (device.Sealed, error) {
	return timed(d, "encrypt", func() (device.Sealed, error) { return d.Device.Encrypt(ctx, req) })
}

// Decrypt implements kms.Device.
func (d *metered) Decrypt(ctx context.Context, req device.DecryptRequest) ([]byte, error) {
	return timed(d, "decrypt", func() ([]byte, error) { return d.Device.Decrypt(ctx, req) })
}

// MAC implements kms.Device.
func (d *metered) MAC(ctx context.Context, id device.ObjectID, message []byte) ([]byte, error) {
	return timed(d, "mac", func() ([]byte, error) { return d.Device.MAC(ctx, id, message) })
}

// GenerateKey implements kms.Device.
func (d *metered) GenerateKey(ctx context.Context, spec device.KeySpec) (device.Cipher, error) {
	return timed(d, "generate-key", func() (device.Cipher, error) { return d.Device.GenerateKey(ctx, spec) })
}

// CheckKey implements kms.Device.
func (d *metered) CheckKey(ctx context.Context, id device.ObjectID, purpose device.Purpose, origin device.Origin) error {
	return alone(d, "check-key", func() error { return d.Device.CheckKey(ctx, id, purpose, origin) })
}

// HasKey implements kms.Device.
func (d *metered) HasKey(ctx context.Context, id device.ObjectID) (bool, error) {
	return timed(d, "has-key", func() (bool, error) { return d.Device.HasKey(ctx, id) })
}

// DestroyKey implements kms.Device.
func (d *metered) DestroyKey(ctx context.Context, id device.ObjectID) error {
	return alone(d, "destroy-key", func() error { return d.Device.DestroyKey(ctx, id) })
}

// Inventory implements kms.Device.
func (d *metered) Inventory(ctx context.Context) ([]device.Object, error) {
	return timed(d, "inventory", func() ([]device.Object, error) { return d.Device.Inventory(ctx) })
}

// HalfMade implements kms.Device.
func (d *metered) HalfMade(ctx context.Context) ([]device.Object, error) {
	return timed(d, "half-made", func() ([]device.Object, error) { return d.Device.HalfMade(ctx) })
}

// DestroyDebris implements kms.Device.
func (d *metered) DestroyDebris(ctx context.Context, o device.Object) error {
	return alone(d, "destroy-debris", func() error { return d.Device.DestroyDebris(ctx, o) })
}
