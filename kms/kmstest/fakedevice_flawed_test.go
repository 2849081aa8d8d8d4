package kmstest

import (
	"context"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
)

type wrapsErrors struct{ *FakeDevice }

func (d wrapsErrors) Encrypt(ctx context.Context, r device.EncryptRequest) (device.Sealed, error) {
	s, err := d.FakeDevice.Encrypt(ctx, r)
	if err != nil {
		err = fmt.Errorf("encrypt: %w", err)
	}
	return s, err
}

type neverHas struct{ *FakeDevice }

func (d neverHas) HasKey(ctx context.Context, id device.ObjectID) (bool, error) {
	_, err := d.FakeDevice.HasKey(ctx, id)
	return false, err
}

type alwaysHas struct{ *FakeDevice }

func (d alwaysHas) HasKey(ctx context.Context, id device.ObjectID) (bool, error) {
	_, err := d.FakeDevice.HasKey(ctx, id)
	return err == nil, err
}

// makesExtractable has a read-back that does not look at EXTRACTABLE.
type makesExtractable struct{ *FakeDevice }

func (d makesExtractable) GenerateKey(ctx context.Context, spec device.KeySpec) (device.Cipher, error) {
	c, err := d.FakeDevice.GenerateKey(ctx, spec)
	d.SetAttribute(spec.ID, "EXTRACTABLE", true)
	return c, err
}

func (d makesExtractable) CheckKey(ctx context.Context, id device.ObjectID, p device.Purpose, o device.Origin) error {
	d.SetAttribute(id, "EXTRACTABLE", false)
	defer d.SetAttribute(id, "EXTRACTABLE", true)
	return d.FakeDevice.CheckKey(ctx, id, p, o)
}

type trustsAll struct{ *FakeDevice }

func (d trustsAll) CheckKey(ctx context.Context, id device.ObjectID, p device.Purpose, o device.Origin) error {
	err := d.FakeDevice.CheckKey(ctx, id, p, o)
	if errors.Is(err, device.ErrUntrusted) {
		return nil
	}
	return err
}

type replacesKeys struct{ *FakeDevice }

func (d replacesKeys) GenerateKey(ctx context.Context, spec device.KeySpec) (device.Cipher, error) {
	d.Vanish(spec.ID)
	return d.FakeDevice.GenerateKey(ctx, spec)
}

type neverDestroys struct{ *FakeDevice }

func (d neverDestroys) DestroyKey(ctx context.Context, _ device.ObjectID) error { return ctx.Err() }

// destroysAnything believes the caller that the object is debris.
type destroysAnything struct{ *FakeDevice }

func (d destroysAnything) DestroyDebris(ctx context.Context, o device.Object) error {
	if len(o.ID) > 0 && o.HasValue {
		return d.FakeDevice.DestroyDebris(ctx, o)
	}
	d.remove(func(x fakeObject) bool { return x.Handle == o.Handle })
	return ctx.Err()
}

type blamesData struct{ *FakeDevice }

func (d blamesData) Decrypt(ctx context.Context, r device.DecryptRequest) ([]byte, error) {
	plaintext, err := d.FakeDevice.Decrypt(ctx, r)
	if errors.Is(err, device.ErrKeyNotFound) {
		return nil, device.ErrInvalidData
	}
	return plaintext, err
}

type blamesToken struct{ *FakeDevice }

func (d blamesToken) Decrypt(ctx context.Context, r device.DecryptRequest) ([]byte, error) {
	plaintext, err := d.FakeDevice.Decrypt(ctx, r)
	if errors.Is(err, device.ErrInvalidData) {
		return nil, device.ErrUnavailable
	}
	return plaintext, err
}

type ignoresContext struct{ *FakeDevice }

func (d ignoresContext) HasKey(ctx context.Context, id device.ObjectID) (bool, error) {
	return d.FakeDevice.HasKey(context.WithoutCancel(ctx), id)
}

type notRandom struct{ *FakeDevice }

func (d notRandom) Random(ctx context.Context, p []byte) error {
	for i := range p {
		p[i] = byte(i + 1)
	}
	return ctx.Err()
}
