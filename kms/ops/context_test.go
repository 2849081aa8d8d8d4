package ops_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

// Contexts that look alike, or are alike when names and values are strung together.
var contexts = []map[string]string{
	nil,
	{"ab": "c"},
	{"a": "bc"},
	{"": "abc"},
	{"abc": ""},
	{"": ""},
	{"a": "", "": "bc"},
	{"a": "b", "c": ""},
	{"a": "b", "c": "d"},
	{"a": "d", "c": "b"},
	{"a": "bcd"},
	{"a": "b"},
	{"A": "b"},
	{"a": "B"},
	{"a": "b "},
	{" a": "b"},
	{"a": "b\x00"},
	{"a": "\x00\x00\x00\x01b"},
	{"\u00e9": "x"},  // one code point
	{"e\u0301": "x"}, // e and a combining accent
	{"ß": "x"},
	{"ss": "x"},
	{"\u00c5": "x"}, // the letter A with a ring
	{"\u212b": "x"}, // the unit, of which normalisation makes the letter
	{"a": "b", "a\x00": "b"},
}

func TestAnEncryptionContextOpensOnlyItself(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	blobs := make([][]byte, len(contexts))
	for i, c := range contexts {
		blobs[i] = b.encrypt(s.key, "attack at dawn", c)
	}
	b.unchanged(t, func() {
		for i, sealed := range contexts {
			for j, offered := range contexts {
				got, err := b.decrypt(blobs[i], offered)
				if i == j {
					if err != nil || got != "attack at dawn" {
						t.Errorf("%q does not open what it sealed: %v", sealed, err)
					}
					continue
				}
				if name, text := errorOf(err); name != invalidCiphertext || text != "" {
					t.Errorf("sealed with %q, opened with %q: %q %q", sealed, offered, name, text)
				}
			}
		}
	})
}

func TestAnEncryptionContextThatIsEmptyIsNone(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	for _, blob := range [][]byte{s.blob, b.encrypt(s.key, "attack at dawn", map[string]string{})} {
		for _, c := range []map[string]string{nil, {}} {
			if _, err := b.decrypt(blob, c); err != nil {
				t.Errorf("%v: %v", c, err)
			}
		}
	}
}

func TestTheOrderOfAnEncryptionContextDoesNotMatter(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	body := func(context string) []byte {
		return fmt.Appendf(nil, `{"CiphertextBlob":%s,"EncryptionContext":%s}`, mustEncode(t, s.blob), context)
	}
	s.blob = b.encrypt(s.key, "attack at dawn", map[string]string{"one": "1", "two": "2", "three": "3"})
	for _, context := range []string{`{"one":"1","two":"2","three":"3"}`, `{"three":"3","two":"2","one":"1"}`, `{"two":"2","\u006fne":"1","three":"3"}`} {
		if _, err := b.service.Do(t.Context(), b.ask("Decrypt", body(context))); err != nil {
			t.Errorf("%s: %v", context, err)
		}
	}
	for _, context := range []string{`{"one":"1","two":"2"}`, `{"one":"1","two":"2","three":"3","four":"4"}`, `{}`, `null`} {
		_, err := b.service.Do(t.Context(), b.ask("Decrypt", body(context)))
		refused(t, err, invalidCiphertext, "")
	}
}

func TestAnEncryptionContextTooLargeIsRefused(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	most := map[string]string{"name": strings.Repeat("v", api.MaxEncryptionContext-len("name"))}
	blob := b.encrypt(s.key, "x", most)
	if got, err := b.decrypt(blob, most); err != nil || got != "x" {
		t.Errorf("the largest context: %q, %v", got, err)
	}
	_, err := b.decrypt(blob, map[string]string{"names": most["name"]})
	refused(t, err, validation, one+"Value at 'encryptionContext' failed to satisfy constraint: Member must have length less than or equal to 8192")
}

func TestReEncryptChangesKeyAndContextAndNothingElse(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	from, to := map[string]string{"tenant": "1"}, map[string]string{"tenant": "2"}
	blob := b.encrypt(s.key, "attack at dawn", from)
	out := must[*api.ReEncryptOutput](b, "ReEncrypt", &api.ReEncryptInput{
		CiphertextBlob: blob, SourceEncryptionContext: from, DestinationKeyID: &s.other, DestinationEncryptionContext: to})
	if out.SourceKeyID != keyARN(s.key) || out.KeyID != keyARN(s.other) || out.SourceKeyMaterialID == out.DestinationKeyMaterialID ||
		out.SourceEncryptionAlgorithm != "SYMMETRIC_DEFAULT" || out.DestinationEncryptionAlgorithm != "SYMMETRIC_DEFAULT" {
		t.Errorf("the answer is %+v", out)
	}
	if got, err := b.decrypt(out.CiphertextBlob, to); err != nil || got != "attack at dawn" {
		t.Errorf("the new ciphertext opens to %q, %v", got, err)
	}
	_, err := b.decrypt(out.CiphertextBlob, from)
	refused(t, err, invalidCiphertext, "")
	if got, err := b.decrypt(blob, from); err != nil || got != "attack at dawn" {
		t.Errorf("the old ciphertext opens to %q, %v", got, err)
	}
}
