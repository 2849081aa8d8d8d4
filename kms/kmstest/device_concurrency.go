package kmstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
)

// crowd is what the goroutines of testConcurrency share. Nothing in it changes but the IVs seen and the counts.
type crowd struct {
	device  kms.Device
	keys    [2]device.Key // one with canary, one without
	macKey  device.ObjectID
	macs    [16][]byte // of pattern(index)
	missing device.ObjectID
	ivs     sync.Map // key id and IV -> true

	births, stillborn atomic.Int64
}

func testConcurrency(t *testing.T, d kms.Device) {
	c := &crowd{device: d, keys: [2]device.Key{newKey(t, d), newBareKey(t, d)}, macKey: newMACKey(t, d), missing: freshID(t, d)}
	for i := range c.macs {
		c.macs[i] = mac(t, d, c.macKey, pattern(i))
	}
	long := 2 * time.Second
	if testing.Short() {
		long = 300 * time.Millisecond
	}
	over, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var all sync.WaitGroup
	for seed := range uint64(16) {
		all.Go(func() {
			if err := c.work(t.Context(), over, rand.New(rand.NewPCG(seed, 0))); err != nil {
				t.Errorf("goroutine %d: %v", seed, err)
			}
		})
	}
	all.Wait()
	for _, k := range c.keys {
		wantWorks(t, d, k)
	}
	if born, failed := c.births.Load(), c.stillborn.Load(); 4*failed > born+8 { // of few births two may fail by chance
		t.Errorf("%d of %d births failed", failed, born)
	}
}

// member is one goroutine at work.
type member struct {
	*crowd
	rnd *rand.Rand
}

// tasks: each answers an error when the device did. The rare ones are slow on a real token.
var tasks = []struct {
	name   string
	weight int
	do     func(member, context.Context) error
}{
	{"seal and open", 40, member.sealAndOpen},
	{"open a forgery", 15, member.openForgery},
	{"be refused by a guard", 10, member.beGuarded},
	{"mac", 15, member.authenticate},
	{"random", 10, member.random},
	{"find", 10, member.findKeys},
	{"check", 3, member.check},
	{"list", 1, member.list},
	{"be born and die", 2, member.beBornAndDie},
}

// work does tasks under ctx until over ends, so that no call is cut short.
func (c *crowd) work(ctx, over context.Context, rnd *rand.Rand) error {
	total := 0
	for _, task := range tasks {
		total += task.weight
	}
	for over.Err() == nil {
		at := rnd.IntN(total)
		for _, task := range tasks {
			if at -= task.weight; at >= 0 {
				continue
			}
			if err := task.do(member{c, rnd}, ctx); err != nil {
				return fmt.Errorf("%s: %w", task.name, err)
			}
			break
		}
	}
	return nil
}
