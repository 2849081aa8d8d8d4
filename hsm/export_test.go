package hsm

import (
	"context"
	"time"

	"github.com/keyhold/keyhold/kms/device"
)

// What tests of the package's inside need to see.

// TestPool is a pool without a token.
type TestPool struct{ p *pool }

func NewTestPool(limit int) TestPool { return TestPool{newPool(limit, limit)} }

func (t TestPool) Take(ctx context.Context, patience time.Duration) error {
	_, err := t.p.take(ctx, patience)
	return err
}
func (t TestPool) Give()              { t.p.give(nil) }
func (t TestPool) Lose()              { t.p.lose() }
func (t TestPool) Recover()           { t.p.recover() }
func (t TestPool) Close()             { t.p.close() }
func (t TestPool) Status() PoolStatus { return t.p.status() }

var (
	ClassOf       = classOf
	NewError      = newError
	ChooseProfile = func(name string, manufacturers ...string) (string, error) {
		seen := traits{}
		for i, m := range manufacturers {
			seen[[]trait{traitLibrary, traitManufacturer, traitModel, traitFile}[i]] = m
		}
		p, _, err := chooseProfile(name, seen)
		return p.name, err
	}
)

// Settle is what GenerateKey does after an error of the token that may have left an object behind.
func (t *Token) Settle(ctx context.Context, spec device.KeySpec, birth error) error {
	x := expectation{id: spec.ID, purpose: spec.Purpose, origin: device.OriginGenerated, token: true}
	return t.settle(ctx, x, birth)
}

// BareEncrypt is the hot layer alone: one crossing on a session of the caller's.
func (t *Token) BareEncrypt(s, key uint, aad, plaintext, out []byte) error {
	_, err := t.mod.hot.gcm(encrypting, s, uint(t.cipher.Mechanism), key, gcmBuffers{iv: make([]byte, ivSize), aad: aad, in: plaintext, out: out})
	return err
}

// TestShelf is a shelf without a token.
type TestShelf struct{ s *shelf }

func NewShelf() TestShelf { return TestShelf{newShelf()} }

func (t TestShelf) List(ctx context.Context) error   { return t.s.list(ctx) }
func (t TestShelf) Listed()                          { t.s.listed() }
func (t TestShelf) Change(ctx context.Context) error { return t.s.change(ctx) }
func (t TestShelf) Changed()                         { t.s.changed() }
