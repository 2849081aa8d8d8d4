package ops_test

import (
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/kmstest"
)

// A token whose IVs begin anew gives that of the canary first, and then those that callers have got before.
func TestAGenerationUnderWhichTheTokenBreaksARuleEncryptsNoMore(t *testing.T) {
	for name, spoil := range map[string]func(s *stage, canary device.Sealed){
		"the token says so itself": func(s *stage, _ device.Sealed) {
			s.bench.device.FailNext(kmstest.MethodEncrypt, 1, device.ErrUntrusted)
		},
		"the IV is that of the canary": func(s *stage, canary device.Sealed) {
			s.device.sealed = func(c device.Sealed) device.Sealed {
				c.IV = canary.IV
				return c
			}
		},
		"the ciphertext is too short": func(s *stage, _ device.Sealed) {
			s.device.sealed = func(c device.Sealed) device.Sealed {
				c.Ciphertext = c.Ciphertext[1:]
				return c
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			key := s.newKey()
			blob := s.encrypt(key, "before", nil)
			spoil(s, s.generations(t, key)[0].Canary)
			refused(t, s.as(t.Context(), "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}), "KeyUnavailableException")
			s.repair()
			if state := s.generations(t, key)[0].State; state != kms.GenerationDecryptOnly {
				t.Errorf("the generation is %s", state)
			}
			uses := s.trueUses(t, key, 1)
			s.encrypt(key, "after", nil)
			if len(s.generations(t, key)) != 2 || s.trueUses(t, key, 1) != uses {
				t.Error("it encrypts again")
			}
			if plain, err := s.decrypt(blob, nil); plain != "before" {
				t.Errorf("what was sealed before opens to %q, %v", plain, err)
			}
			s.sound(t)
		})
	}
}
