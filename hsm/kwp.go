package hsm

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"math"
)

// The constants of RFC 5649, section 3, and RFC 3394, section 2.2.3.1.
var (
	kwpMark  = [4]byte{0xA6, 0x59, 0x59, 0xA6}
	kwMark   = [8]byte{0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6}
	kwRounds = 6
)

const semiblock = 8

var errKWP = errors.New("the wrapped key is not well formed, or not wrapped under this key")

// wrapKWP is AES key wrap with padding (RFC 5649, section 4.1; KWP of NIST SP 800-38F, 6.3), the host's own so that a
// token's can be judged by it. kek has 16, 24 or 32 octets, plaintext at least one.
func wrapKWP(kek, plaintext []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	if len(plaintext) == 0 || uint64(len(plaintext)) > math.MaxUint32 {
		return nil, errors.New("key wrap with padding takes 1 to 2^32-1 octets")
	}
	var head [8]byte
	copy(head[:], kwpMark[:])
	binary.BigEndian.PutUint32(head[4:], uint32(len(plaintext)))
	padded := append(bytes.Clone(plaintext), make([]byte, -len(plaintext)&(semiblock-1))...)
	if len(padded) == semiblock {
		out := append(head[:], padded...)
		block.Encrypt(out, out)
		return out, nil
	}
	return wrapping(block, head, padded), nil
}

// unwrapKWP undoes wrapKWP (RFC 5649, section 4.2).
func unwrapKWP(kek, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	if len(wrapped) < 2*semiblock || len(wrapped)%semiblock != 0 {
		return nil, errKWP
	}
	head, padded := [8]byte{}, []byte(nil)
	if len(wrapped) == 2*semiblock {
		out := make([]byte, len(wrapped))
		block.Decrypt(out, wrapped)
		head, padded = [8]byte(out), out[semiblock:]
	} else {
		head, padded = unwrapping(block, wrapped)
	}
	size := uint64(binary.BigEndian.Uint32(head[4:]))
	room := uint64(len(padded))
	if subtle.ConstantTimeCompare(head[:4], kwpMark[:]) != 1 || size > room || size+semiblock <= room {
		return nil, errKWP
	}
	if subtle.ConstantTimeCompare(padded[size:], make([]byte, room-size)) != 1 {
		return nil, errKWP
	}
	return padded[:size:size], nil
}

// wrapKW is AES key wrap without padding (RFC 3394), for multiples of 8 octets.
func wrapKW(kek, plaintext []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	if len(plaintext) < 2*semiblock || len(plaintext)%semiblock != 0 {
		return nil, errors.New("key wrap without padding takes two or more blocks of 8 octets")
	}
	return wrapping(block, kwMark, plaintext), nil
}

// wrapping is the process W of RFC 3394, section 2.2.1: n blocks of 8 octets, 6 rounds over them.
func wrapping(block cipher.Block, head [8]byte, plaintext []byte) []byte {
	out := append(head[:], plaintext...)
	n := len(plaintext) / semiblock
	var pair [16]byte
	for step := range kwRounds * n {
		r := out[(step%n+1)*semiblock:][:semiblock]
		copy(pair[:semiblock], out[:semiblock])
		copy(pair[semiblock:], r)
		block.Encrypt(pair[:], pair[:])
		counted := binary.BigEndian.Uint64(pair[:semiblock]) ^ uint64(step+1)
		binary.BigEndian.PutUint64(out[:semiblock], counted)
		copy(r, pair[semiblock:])
	}
	return out
}

// unwrapping undoes wrapping (RFC 3394, section 2.2.2).
func unwrapping(block cipher.Block, wrapped []byte) (head [8]byte, plaintext []byte) {
	out := bytes.Clone(wrapped)
	n := len(out)/semiblock - 1
	var pair [16]byte
	for step := kwRounds*n - 1; step >= 0; step-- {
		r := out[(step%n+1)*semiblock:][:semiblock]
		counted := binary.BigEndian.Uint64(out[:semiblock]) ^ uint64(step+1)
		binary.BigEndian.PutUint64(pair[:semiblock], counted)
		copy(pair[semiblock:], r)
		block.Decrypt(pair[:], pair[:])
		copy(out[:semiblock], pair[:semiblock])
		copy(r, pair[semiblock:])
	}
	return [8]byte(out), out[semiblock:]
}
