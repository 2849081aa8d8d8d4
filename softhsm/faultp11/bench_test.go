package faultp11_test

import (
	"testing"

	"github.com/keyhold/keyhold/softhsm/faultp11"
	"github.com/miekg/pkcs11"
)

// Both go to the same SoftHSM2, session and key: what differs is the shim between.
func BenchmarkShim(b *testing.B) {
	d := newDevice(b, faultp11.Transparent)
	straight := pkcs11.New(d.home.Module)
	defer straight.Destroy()
	_, err := d.Slot(d.slot)
	d.must(err)
	for _, way := range []struct {
		name string
		p    *pkcs11.Ctx
	}{{"straight", straight}, {"through", d.p}} {
		through := *d
		through.p = way.p
		b.Run("encrypt/"+way.name, func(b *testing.B) {
			for b.Loop() {
				through.must(through.works(d.session))
			}
		})
		b.Run("session-info/"+way.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := way.p.GetSessionInfo(d.session); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
