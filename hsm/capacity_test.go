package hsm_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
)

func bear(tok *hsm.Token, id device.ObjectID) error {
	_, err := tok.GenerateKey(ctx, device.KeySpec{ID: id, Label: "capacity", Purpose: device.PurposeWrap})
	return err
}

func TestBirthsAreRefusedBeforeTheTokenIsFull(t *testing.T) {
	token := hsmtest.New(t)
	cfg := token.Config()
	cfg.MaxObjects = 3
	tok := hsmtest.Open(t, cfg)
	first := newID(t)
	for _, id := range []device.ObjectID{first, newID(t), newID(t)} {
		if err := bear(tok, id); err != nil {
			t.Fatal(err)
		}
	}
	refused := newID(t)
	err := bear(tok, refused)
	if !errors.Is(err, device.ErrCapacity) || !strings.Contains(err.Error(), "has 3 objects") || !strings.Contains(err.Error(), "max_objects") {
		t.Fatalf("the fourth birth: %v", err)
	}
	wantHas(t, tok, refused, false)
	// What others destroy, and what is destroyed here, makes room again; what others made counts.
	if err := tok.DestroyKey(ctx, first); err != nil {
		t.Fatal(err)
	}
	if err := bear(tok, newID(t)); err != nil {
		t.Errorf("after a death: %v", err)
	}
	again := hsmtest.Open(t, cfg)
	if err := bear(again, newID(t)); !errors.Is(err, device.ErrCapacity) {
		t.Errorf("opened again: %v", err)
	}
}

func TestBirthsAtOnceDoNotOverfill(t *testing.T) {
	cfg := hsmtest.New(t).Config()
	cfg.MaxObjects = 4
	tok := hsmtest.Open(t, cfg)
	var born, full atomic.Int64
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			switch err := bear(tok, newID(t)); {
			case err == nil:
				born.Add(1)
			case errors.Is(err, device.ErrCapacity):
				full.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	objects, err := tok.Inventory(ctx)
	if err != nil || len(objects) > 4 || int64(len(objects)) != born.Load() || full.Load() != 12-born.Load() || born.Load() == 0 {
		t.Errorf("%d objects, %d born, %d refused, %v", len(objects), born.Load(), full.Load(), err)
	}
}
