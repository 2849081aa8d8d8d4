package kms

import (
	"encoding/binary"
	"errors"

	"github.com/keyhold/keyhold/kms/device"
)

// The ciphertext blob, version 1. docs/format.md is its specification; the test vectors are in testdata/blobs.json.
//
//	offset  size  field
//	     0     2  "KH"
//	     2     1  format version, 1
//	     3     1  form of the key id: 1 = UUID
//	     4    16  key id
//	    20     4  generation, big endian, from 1
//	    24     1  length of the IV, 12 or 16
//	    25     n  IV
//	  25+n     m  AES-256-GCM ciphertext, then the tag of 16 octets
const (
	blobMagic     = "KH"
	blobVersion   = 1
	blobUUID      = 1
	blobHeaderLen = 24
	// MaxBlob is the longest blob that the wire carries, in octets.
	MaxBlob = 6144
	// MaxPlaintext is the longest plaintext of Encrypt, in octets.
	MaxPlaintext = 4096
)

var errBlob = errors.New("not a ciphertext blob")

// blob is a parsed ciphertext blob. Only a blob that encodes back to the same octets parses.
type blob struct {
	Key        KeyID
	Generation uint32
	Sealed     device.Sealed
}

// header is the part of the blob that is authenticated as it stands: everything before the IV's length.
func (b blob) header() []byte {
	id, _ := b.Key.octets()
	h := append([]byte(blobMagic), blobVersion, blobUUID)
	h = append(h, id[:]...)
	return binary.BigEndian.AppendUint32(h, b.Generation)
}

// encode writes the blob. The IV must be 12 or 16 octets.
func (b blob) encode() []byte {
	out := append(b.header(), byte(len(b.Sealed.IV)))
	out = append(out, b.Sealed.IV...)
	return append(out, b.Sealed.Ciphertext...)
}

// parseBlob is the inverse of encode; errBlob for anything else.
func parseBlob(raw []byte) (blob, error) {
	if len(raw) <= blobHeaderLen || len(raw) > MaxBlob || string(raw[:2]) != blobMagic || raw[2] != blobVersion || raw[3] != blobUUID {
		return blob{}, errBlob
	}
	ivLen := int(raw[blobHeaderLen])
	body := raw[blobHeaderLen+1:]
	if ivLen != 12 && ivLen != 16 || len(body) < ivLen+device.TagSize {
		return blob{}, errBlob
	}
	generation := binary.BigEndian.Uint32(raw[20:24])
	if generation == 0 {
		return blob{}, errBlob
	}
	return blob{
		Key:        keyIDOf([16]byte(raw[4:20])),
		Generation: generation,
		Sealed:     device.Sealed{IV: body[:ivLen:ivLen], Ciphertext: body[ivLen:]},
	}, nil
}

// blobLabel begins the AAD. No AAD of the external key store protocol begins with FF FF, nor does a canary's, so that
// a ciphertext made through one door cannot be opened through another.
const blobLabel = "\xff\xffkeyhold blob\x00"

// aad binds a ciphertext to its key, generation and encryption context: the label, the header without the IV, then
// the encoded context. The header has a fixed length, so that the whole is injective.
func (b blob) aad(context map[string]string) []byte {
	return append(append([]byte(blobLabel), b.header()...), encodeContext(context)...)
}
