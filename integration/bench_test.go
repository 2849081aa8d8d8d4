package integration

import (
	"testing"

	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
)

// BenchmarkEncrypt puts an encryption of 32 octets through the whole pipeline beside one by the token alone. On a
// RAM-backed file system the audit log's sync costs nothing; on a disk it is shared by all requests in flight.
func BenchmarkEncrypt(b *testing.B) {
	s := newSite(b)
	s.preload = true
	err := s.with(b.Context(), func(service *kms.Service, token *hsm.Token) error {
		id := newKey(b, service, "alias/bench")
		canaries, err := service.Canaries(b.Context())
		if err != nil {
			return err
		}
		raw := device.EncryptRequest{Key: canaries[0].Key, AAD: []byte("benchmark"), Plaintext: make([]byte, 32)}
		in := &api.EncryptInput{KeyID: &id, Plaintext: make([]byte, 32)}
		b.Run("token", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := token.Encrypt(b.Context(), raw); err != nil {
						b.Error(err)
					}
				}
			})
		})
		b.Run("keyhold", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := do(b, service, "Encrypt", in); err != nil {
						b.Error(err)
					}
				}
			})
		})
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
