package kmstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/keyhold/keyhold/kms/device"
)

func (m member) seal(ctx context.Context) (device.DecryptRequest, []byte, error) {
	k := m.keys[m.rnd.IntN(len(m.keys))]
	aad, plaintext := pattern(1+m.rnd.IntN(200)), pattern(m.rnd.IntN(300))
	s, err := m.device.Encrypt(ctx, device.EncryptRequest{Key: k, AAD: aad, Plaintext: plaintext})
	if err != nil {
		return device.DecryptRequest{}, nil, err
	}
	if err := badIV(k, s.IV); err != nil {
		return device.DecryptRequest{}, nil, err
	}
	if _, twice := m.ivs.LoadOrStore(k.ID.String()+string(s.IV), true); twice {
		return device.DecryptRequest{}, nil, fmt.Errorf("IV %x was used twice", s.IV)
	}
	return device.DecryptRequest{Key: k, AAD: aad, Sealed: s}, plaintext, nil
}

func (m member) sealAndOpen(ctx context.Context) error {
	req, want, err := m.seal(ctx)
	if err != nil {
		return err
	}
	got, err := m.device.Decrypt(ctx, req)
	if err == nil && !bytes.Equal(got, want) {
		return fmt.Errorf("%d octets were opened as %d others", len(want), len(got))
	}
	return err
}

func (m member) openForgery(ctx context.Context) error {
	req, _, err := m.seal(ctx)
	if err != nil {
		return err
	}
	req.Sealed.Ciphertext[m.rnd.IntN(len(req.Sealed.Ciphertext))] ^= 4
	_, err = m.device.Decrypt(ctx, req)
	return badClass(err, device.ErrInvalidData)
}

func (m member) beGuarded(ctx context.Context) error {
	errGuard := errors.New("guarded")
	_, err := m.device.Encrypt(ctx, device.EncryptRequest{
		Key: m.keys[0], AAD: []byte("aad"), Plaintext: []byte("x"), Guard: func() error { return errGuard },
	})
	if !identical(err, errGuard) {
		return fmt.Errorf("got %s, want the guard's own error", fmt.Sprint(err))
	}
	return nil
}

func (m member) authenticate(ctx context.Context) error {
	i := m.rnd.IntN(len(m.macs))
	sum, err := m.device.MAC(ctx, m.macKey, pattern(i))
	if err == nil && !bytes.Equal(sum, m.macs[i]) {
		return fmt.Errorf("the MAC of %d octets is %x, was %x", i, sum, m.macs[i])
	}
	return err
}

func (m member) random(ctx context.Context) error {
	p := make([]byte, 32)
	err := m.device.Random(ctx, p)
	if err == nil && bytes.Contains(p, make([]byte, 16)) {
		return fmt.Errorf("random octets %x", p)
	}
	return err
}

func (m member) findKeys(ctx context.Context) error {
	for id, want := range map[device.ObjectID]bool{m.keys[0].ID: true, m.macKey: true, m.missing: false} {
		got, err := m.device.HasKey(ctx, id)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("has key %v: %v, want %v", id, got, want)
		}
	}
	return nil
}

func (m member) check(ctx context.Context) error {
	return m.device.CheckKey(ctx, m.keys[0].ID, device.PurposeWrap, device.OriginGenerated)
}

func (m member) list(ctx context.Context) error {
	all, err := m.device.Inventory(ctx)
	if err != nil {
		return err
	}
	for _, o := range all {
		if bytes.Equal(o.ID, m.macKey[:]) {
			return nil
		}
	}
	return fmt.Errorf("the inventory of %d objects lacks the MAC key", len(all))
}

// beBornAndDie lets a birth fail as unavailable, which SoftHSM's do now and then beside other sessions; the contract
// then leaves it to the caller to settle the id. testConcurrency bounds how many may.
func (m member) beBornAndDie(ctx context.Context) error {
	id, err := device.NewObjectID(rand.Reader)
	if err != nil {
		return err
	}
	c, err := m.device.GenerateKey(ctx, device.KeySpec{ID: id, Label: "kmstest short-lived", Purpose: device.PurposeWrap})
	m.births.Add(1)
	if err != nil {
		m.stillborn.Add(1)
		return m.settle(ctx, id, err)
	}
	req := device.EncryptRequest{Key: device.Key{ID: id, Cipher: c}, AAD: []byte("aad"), Plaintext: []byte("x")}
	_, err = m.device.Encrypt(ctx, req)
	if err := errors.Join(err, m.device.DestroyKey(ctx, id)); err != nil {
		return err
	}
	_, err = m.device.Encrypt(ctx, req)
	return badClass(err, device.ErrKeyNotFound)
}

func (m member) settle(ctx context.Context, id device.ObjectID, birth error) error {
	if err := m.device.DestroyKey(ctx, id); err != nil {
		return errors.Join(birth, err)
	}
	if has, err := m.device.HasKey(ctx, id); err != nil || has {
		return errors.Join(fmt.Errorf("a failed birth was destroyed; still there: %v", has), birth, err)
	}
	return badClass(birth, device.ErrUnavailable, device.ErrBusy)
}
