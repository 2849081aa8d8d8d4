package kms

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"testing"

	"github.com/keyhold/keyhold/kms/device"
)

var update = flag.Bool("update", false, "rewrite golden files")

// vector is one published test vector of docs/format.md. The key is there for the test; real ones never leave a token.
type vector struct {
	Name       string            `json:"name"`
	KeyID      KeyID             `json:"keyId"`
	Generation uint32            `json:"generation"`
	Context    map[string]string `json:"encryptionContext"`
	MasterKey  string            `json:"masterKey"`
	IV         string            `json:"iv"`
	Plaintext  string            `json:"plaintext"`
	AAD        string            `json:"aad"`
	Blob       string            `json:"blob"`
}

const vectorFile = "testdata/blobs.json"

func vectorInputs() []vector {
	id := KeyID("1234abcd-12ab-44cd-a6ef-1234567890ab")
	key := hex.EncodeToString(bytes.Repeat([]byte{0x11, 0x22, 0x33, 0x44}, 8))
	long := hex.EncodeToString(bytes.Repeat([]byte{0xa5}, 64))
	return []vector{
		{Name: "a 32-octet data key, no context", KeyID: id, Generation: 1, MasterKey: key, IV: "000102030405060708090a0b", Plaintext: long[:64]},
		{Name: "one octet, one pair", KeyID: id, Generation: 2, Context: map[string]string{"Tenant": "42"}, MasterKey: key, IV: "0c0d0e0f1011121314151617", Plaintext: "00"},
		{Name: "pairs are sorted by the octets of the name", KeyID: id, Generation: 4294967295, Context: map[string]string{"b": "1", "a": "2", "": "3", "é": "4", "Z": ""}, MasterKey: key, IV: "18191a1b1c1d1e1f20212223", Plaintext: long},
		{Name: "an IV of 16 octets made by the token", KeyID: id, Generation: 1, Context: map[string]string{"ab": "c"}, MasterKey: key, IV: "202122232425262728292a2b2c2d2e2f", Plaintext: long[:64]},
		{Name: "the same octets, divided otherwise", KeyID: id, Generation: 1, Context: map[string]string{"a": "bc"}, MasterKey: key, IV: "202122232425262728292a2b2c2d2e2f", Plaintext: long[:64]},
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gcm(t *testing.T, key, iv []byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithNonceSize(block, len(iv))
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

func sealVector(t *testing.T, v vector) vector {
	t.Helper()
	iv := unhex(t, v.IV)
	b := blob{Key: v.KeyID, Generation: v.Generation}
	aad := b.aad(v.Context)
	b.Sealed = device.Sealed{IV: iv, Ciphertext: gcm(t, unhex(t, v.MasterKey), iv).Seal(nil, iv, unhex(t, v.Plaintext), aad)}
	v.AAD, v.Blob = hex.EncodeToString(aad), hex.EncodeToString(b.encode())
	return v
}

func TestBlobsAreThoseOfThePublishedVectors(t *testing.T) {
	if *update {
		var out []vector
		for _, v := range vectorInputs() {
			out = append(out, sealVector(t, v))
		}
		text, err := json.MarshalIndent(out, "", "  ")
		if err == nil {
			err = os.WriteFile(vectorFile, append(text, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != len(vectorInputs()) {
		t.Fatalf("%d vectors, want %d", len(vectors), len(vectorInputs()))
	}
	for _, want := range vectors {
		t.Run(want.Name, func(t *testing.T) {
			if got := sealVector(t, want); got.AAD != want.AAD || got.Blob != want.Blob {
				t.Errorf("got AAD %s blob %s", got.AAD, got.Blob)
			}
			b, err := parseBlob(unhex(t, want.Blob))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := gcm(t, unhex(t, want.MasterKey), b.Sealed.IV).Open(nil, b.Sealed.IV, b.Sealed.Ciphertext, b.aad(want.Context))
			if err != nil || hex.EncodeToString(plain) != want.Plaintext {
				t.Errorf("opened to %x, %v", plain, err)
			}
		})
	}
}

func TestABlobThatIsNotOneIsRefused(t *testing.T) {
	good := sealVector(t, vectorInputs()[0])
	raw := unhex(t, good.Blob)
	change := func(at int, to byte) []byte {
		b := bytes.Clone(raw)
		b[at] = to
		return b
	}
	cases := map[string][]byte{
		"nil": nil, "empty": {}, "another magic": change(0, 'k'), "another version": change(2, 2),
		"another form of key id": change(3, 2), "generation 0": append(append(bytes.Clone(raw[:20]), 0, 0, 0, 0), raw[24:]...),
		"an IV of 13 octets": change(24, 13), "an IV longer than the rest": change(24, 255),
		"an IV of no octets": change(24, 0), "too long": append(bytes.Clone(raw), make([]byte, MaxBlob)...),
	}
	shortest := blobHeaderLen + 1 + 12 + device.TagSize
	for n := range shortest {
		cases[fmt.Sprintf("cut to %d octets", n)] = raw[:n]
	}
	for name, b := range cases {
		if got, err := parseBlob(b); err == nil {
			t.Errorf("%s: parsed to %+v", name, got)
		}
	}
	if _, err := parseBlob(raw[:shortest]); err != nil {
		t.Errorf("a blob of an empty plaintext is well formed: %v", err)
	}
}

func FuzzBlob(f *testing.F) {
	for _, v := range vectorInputs() {
		b := blob{Key: v.KeyID, Generation: v.Generation, Sealed: device.Sealed{IV: make([]byte, 12), Ciphertext: make([]byte, 48)}}
		f.Add(b.encode())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := parseBlob(raw)
		if err != nil {
			return
		}
		if again := b.encode(); !bytes.Equal(again, raw) {
			t.Fatalf("%x re-encodes to %x", raw, again)
		}
	})
}

func FuzzEncryptionContext(f *testing.F) {
	f.Add(encodeContext(nil), "a", "bc", "ab", "c")
	f.Add(encodeContext(map[string]string{"a": "b", "": ""}), "", "", "a", "")
	f.Fuzz(func(t *testing.T, raw []byte, n1, v1, n2, v2 string) {
		if c, ok := decodeContext(raw); ok && !bytes.Equal(encodeContext(c), raw) {
			t.Fatalf("%x re-encodes to %x", raw, encodeContext(c))
		}
		one, two := map[string]string{n1: v1}, map[string]string{n2: v2}
		both := map[string]string{n1: v1, n2: v2}
		for _, pair := range [][2]map[string]string{{one, two}, {one, both}, {two, both}, {nil, one}} {
			same := bytes.Equal(encodeContext(pair[0]), encodeContext(pair[1]))
			if same != maps.Equal(pair[0], pair[1]) {
				t.Fatalf("%v and %v: the same encoding is %v", pair[0], pair[1], same)
			}
		}
		back, ok := decodeContext(encodeContext(both))
		if !ok || !maps.Equal(back, both) {
			t.Fatalf("%v came back as %v", both, back)
		}
	})
}
