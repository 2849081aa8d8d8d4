package ops_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

// The ciphertext blob as docs/format.md has it: where its parts begin.
const (
	blobKey        = 4
	blobGeneration = 20
	blobIVLength   = 24
	blobIV         = 25
)

const invalidCiphertext = "InvalidCiphertextException"

// open asks for the plaintext of a blob in each of the ways there are: with and without the key's name, by Decrypt
// and by ReEncrypt. All give the same error.
func (b *bench) open(t *testing.T, blob []byte, key *string, context map[string]string) error {
	t.Helper()
	destination := "alias/app"
	_, err := try[any](b, "Decrypt", &api.DecryptInput{CiphertextBlob: blob, KeyID: key, EncryptionContext: context})
	_, again := try[any](b, "ReEncrypt", &api.ReEncryptInput{CiphertextBlob: blob, SourceKeyID: key, SourceEncryptionContext: context, DestinationKeyID: &destination})
	name, text := errorOf(err)
	if reName, reText := errorOf(again); name != reName || text != reText {
		t.Errorf("Decrypt answers %q %q, ReEncrypt %q %q", name, text, reName, reText)
	}
	return err
}

func TestNoAlteredOctetOfACiphertextIsAccepted(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	b.unchanged(t, func() {
		for i := range s.blob {
			for bit := range 8 {
				altered := bytes.Clone(s.blob)
				altered[i] ^= 1 << bit
				byKey, byContent := "", ""
				name := invalidCiphertext
				if i >= blobKey && i < blobGeneration {
					byKey, byContent = incorrectKey, refersTo
				}
				err := b.open(t, altered, nil, nil)
				if byContent != "" {
					name = denied
				}
				refused(t, err, name, byContent)
				err = b.open(t, altered, &s.key, nil)
				if byKey != "" {
					name = "IncorrectKeyException"
				}
				refused(t, err, name, byKey)
			}
		}
	})
	if got, err := b.decrypt(s.blob, nil); err != nil || got != "attack at dawn" {
		t.Errorf("the ciphertext itself opens to %q, %v", got, err)
	}
}

func TestACiphertextOfAnotherLengthIsNone(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	b.unchanged(t, func() {
		for n := 1; n < len(s.blob); n++ {
			refused(t, b.open(t, s.blob[:n], nil, nil), invalidCiphertext, "")
			refused(t, b.open(t, s.blob[:n], &s.key, nil), invalidCiphertext, "")
			refused(t, b.open(t, s.blob[n:], nil, nil), invalidCiphertext, "")
		}
		for _, tail := range []string{"\x00", "x", strings.Repeat("\x00", 16), string(s.blob)} {
			refused(t, b.open(t, append(bytes.Clone(s.blob), tail...), nil, nil), invalidCiphertext, "")
		}
		long := append(bytes.Clone(s.blob), make([]byte, 6144-len(s.blob))...)
		refused(t, b.open(t, long, nil, nil), invalidCiphertext, "")
		_, err := b.decrypt(append(long, 0), nil)
		refused(t, err, validation, one+"Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length less than or equal to 6144")
		_, err = b.decrypt([]byte{}, nil)
		refused(t, err, validation, one+"Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length greater than or equal to 1")
		_, err = b.decrypt(nil, nil)
		refused(t, err, validation, one+"Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")
	})
}

func TestACiphertextBelongsToOneGenerationOfOneKey(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	must[any](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &s.key})
	must[any](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &s.other})
	later := b.encrypt(s.key, "attack at dawn", nil)
	noon := b.encrypt(s.key, "attack at noon", nil)
	others := b.encrypt(s.other, "attack at dawn", nil)
	numbered := func(blob []byte, n uint32) []byte {
		blob = bytes.Clone(blob)
		binary.BigEndian.PutUint32(blob[blobGeneration:], n)
		return blob
	}
	splice := func(head, tail []byte, at int) []byte { return append(bytes.Clone(head[:at]), tail[at:]...) }
	b.unchanged(t, func() {
		for story, blob := range map[string][]byte{
			"the first generation's, as the second's":      numbered(s.blob, 2),
			"the second generation's, as the first's":      numbered(later, 1),
			"as a generation's that is not there yet":      numbered(later, 3),
			"as generation 0's":                            numbered(later, 0),
			"as the last generation's that can be written": numbered(later, 1<<32-1),
			"another key's behind the header":              splice(later, others, blobIVLength),
			"another key's IV":                             splice(splice(later, others, blobIV), later, blobIV+12),
			"another message's tag":                        splice(later, noon, len(later)-16),
			"an IV of 16 octets instead of 12":             append(append(bytes.Clone(later[:blobIVLength]), 16), later[blobIV:]...),
			"an IV of no octets":                           append(append(bytes.Clone(later[:blobIVLength]), 0), later[blobIV:]...),
		} {
			t.Run(story, func(t *testing.T) {
				refused(t, b.open(t, blob, nil, nil), invalidCiphertext, "")
				refused(t, b.open(t, blob, &s.key, nil), invalidCiphertext, "")
			})
		}
		t.Run("another key's under its own name is refused for the key that was named", func(t *testing.T) {
			refused(t, b.open(t, others, &s.key, nil), "IncorrectKeyException", incorrectKey)
			refused(t, b.open(t, later, new("alias/app"), map[string]string{"a": "b"}), invalidCiphertext, "")
		})
	})
	for blob, want := range map[string]string{string(s.blob): "attack at dawn", string(later): "attack at dawn"} {
		if got, err := b.decrypt([]byte(blob), nil); err != nil || got != want {
			t.Errorf("the true ciphertext opens to %q, %v", got, err)
		}
	}
}

func TestThePlaintextHasOneTo4096Octets(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	for _, n := range []int{1, 2, 15, 16, 17, 4095, 4096} {
		plaintext := bytes.Repeat([]byte{0xa5}, n)
		blob := b.encrypt(s.key, string(plaintext), nil)
		if len(blob) != n+53 {
			t.Errorf("%d octets become %d, want 53 more", n, len(blob))
		}
		if got, err := b.decrypt(blob, nil); err != nil || got != string(plaintext) {
			t.Errorf("%d octets come back as %d, %v", n, len(got), err)
		}
	}
	b.unchanged(t, func() {
		for _, c := range []struct {
			plaintext  []byte
			constraint string
		}{
			{[]byte{}, "Member must have length greater than or equal to 1"},
			{make([]byte, 4097), "Member must have length less than or equal to 4096"},
			{nil, "Member must not be null"},
		} {
			_, err := try[any](b, "Encrypt", &api.EncryptInput{KeyID: &s.key, Plaintext: c.plaintext})
			refused(t, err, validation, one+"Value at 'plaintext' failed to satisfy constraint: "+c.constraint)
		}
	})
}

func TestEveryEncryptionGivesAnotherCiphertext(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	header, err := hex.DecodeString("4b480101" + strings.ReplaceAll(s.key, "-", "") + "00000001" + "0c")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range 100 {
		blob := b.encrypt(s.key, "attack at dawn", nil)
		iv := string(blob[blobIV : blobIV+12])
		if seen[iv] || !bytes.HasPrefix(blob, header) {
			t.Fatalf("encryption %d: the IV came before, or the header is not %x: %x", i, header, blob)
		}
		seen[iv] = true
	}
}
