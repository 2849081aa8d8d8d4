package hsm_test

import (
	"testing"

	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/miekg/pkcs11"
)

var benchAAD = []byte("sixteen octets !")

var benchText = []byte("a data key of thirty-two octets!")

func BenchmarkEncrypt(b *testing.B) {
	token := hsmtest.New(b)
	tok := token.Open(b)
	key := newKey(b, tok)
	req := device.EncryptRequest{Key: key, AAD: benchAAD, Plaintext: benchText}
	b.Run("hot", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := tok.Encrypt(ctx, req); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hot/parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := tok.Encrypt(ctx, req); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	r := newRaw(b, token)
	h := r.find(key.ID)[0]
	b.Run("hot layer alone", func(b *testing.B) {
		out := make([]byte, len(benchText)+64)
		for b.Loop() {
			r.must(tok.BareEncrypt(uint(r.s), uint(h), benchAAD, benchText, out))
		}
	})
	b.Run("miekg", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			params := pkcs11.NewGCMParams(make([]byte, 12), benchAAD, 128)
			r.must(r.p.EncryptInit(r.s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, params)}, h))
			_, err := r.p.Encrypt(r.s, benchText)
			r.must(err)
			params.Free()
		}
	})
}

func BenchmarkDecrypt(b *testing.B) {
	tok := hsmtest.New(b).Open(b)
	key := newKey(b, tok)
	sealed := seal(b, tok, key, string(benchAAD), benchText)
	req := device.DecryptRequest{Key: key, AAD: benchAAD, Sealed: sealed}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tok.Decrypt(ctx, req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGenerateKey(b *testing.B) {
	tok := hsmtest.New(b).Open(b)
	for b.Loop() {
		if _, err := tok.GenerateKey(ctx, device.KeySpec{ID: newID(b), Label: "bench", Purpose: device.PurposeWrap}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRandom(b *testing.B) {
	tok := hsmtest.New(b).Open(b)
	p := make([]byte, 32)
	for b.Loop() {
		if err := tok.Random(ctx, p); err != nil {
			b.Fatal(err)
		}
	}
}
