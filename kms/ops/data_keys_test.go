package ops_test

import (
	"fmt"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

func TestADataKeyHasTheSizeAskedForAndOpensToItself(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	context := api.EncryptionContext{"tenant": "42"}
	seen := map[string]bool{}
	for _, c := range []struct {
		bytes *int32
		spec  *keyspec.DataKeySpec
		size  int
	}{
		{new(int32(1)), nil, 1}, {new(int32(16)), nil, 16}, {new(int32(1024)), nil, 1024},
		{nil, new(keyspec.DataKeySpec("AES_128")), 16}, {nil, new(keyspec.DataKeySpec("AES_256")), 32},
	} {
		t.Run(fmt.Sprintf("%d bytes", c.size), func(t *testing.T) {
			out := must[*api.GenerateDataKeyOutput](b, "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: &key, NumberOfBytes: c.bytes, KeySpec: c.spec, EncryptionContext: context})
			opened := must[*api.DecryptOutput](b, "Decrypt", &api.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: context})
			if len(out.Plaintext) != c.size || string(opened.Plaintext) != string(out.Plaintext) || out.KeyID != keyARN(key) || out.KeyMaterialID != opened.KeyMaterialID {
				t.Errorf("the data key has %d bytes, is of %s and opens to %d bytes", len(out.Plaintext), out.KeyID, len(opened.Plaintext))
			}
			without := must[*api.GenerateDataKeyWithoutPlaintextOutput](b, "GenerateDataKeyWithoutPlaintext",
				&api.GenerateDataKeyWithoutPlaintextInput{KeyID: &key, NumberOfBytes: c.bytes, KeySpec: c.spec, EncryptionContext: context})
			if got, err := b.decrypt(without.CiphertextBlob, context); err != nil || len(got) != c.size || without.KeyID != keyARN(key) {
				t.Errorf("the data key without plaintext opens to %d bytes, %v", len(got), err)
			}
			random := must[*api.GenerateRandomOutput](b, "GenerateRandom", &api.GenerateRandomInput{NumberOfBytes: new(int32(c.size))})
			if len(random.Plaintext) != c.size {
				t.Errorf("%d random bytes", len(random.Plaintext))
			}
			if c.size >= 16 && (seen[string(out.Plaintext)] || seen[string(random.Plaintext)]) {
				t.Error("these bytes came before")
			}
			seen[string(out.Plaintext)], seen[string(random.Plaintext)] = true, true
		})
	}
}

func TestDataKeysOfOtherSizesAreRefused(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	b.unchanged(t, func() {
		for n, constraint := range map[int32]string{
			0: "Member must have value greater than or equal to 1", -1: "Member must have value greater than or equal to 1",
			1025: "Member must have value less than or equal to 1024",
		} {
			text := fmt.Sprintf("%sValue '%d' at 'numberOfBytes' failed to satisfy constraint: %s", one, n, constraint)
			_, err := try[any](b, "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: &key, NumberOfBytes: &n})
			refused(t, err, validation, text)
			_, err = try[any](b, "GenerateDataKeyWithoutPlaintext", &api.GenerateDataKeyWithoutPlaintextInput{KeyID: &key, NumberOfBytes: &n})
			refused(t, err, validation, text)
			_, err = try[any](b, "GenerateRandom", &api.GenerateRandomInput{NumberOfBytes: &n})
			refused(t, err, validation, text)
		}
		for _, spec := range []keyspec.DataKeySpec{"AES_192", "aes_256", "RSA_2048", ""} {
			_, err := try[any](b, "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: &key, KeySpec: &spec})
			refused(t, err, validation) // AWS's list of what would do is of key specs, and changes
		}
	})
}
