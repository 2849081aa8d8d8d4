package kms

import (
	"encoding/binary"
	"maps"
	"slices"
)

// appendField adds a length-prefixed octet string: 4 octets, big endian, then the octets. A sequence of fields is
// injective: no two sequences of the same number of fields give the same octets.
func appendField(b, field []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(field))), field...)
}

func appendString(b []byte, s string) []byte { return appendField(b, []byte(s)) }

func appendInt(b []byte, n int64) []byte {
	return appendField(b, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// contextVersion is the first octet of an encoded encryption context.
const contextVersion = 1

// encodeContext is the injective encoding of an encryption context: version, number of pairs (4 octets, big endian),
// then name and value as fields, in ascending order of the names' octets. Nil and empty are the same. docs/format.md
// has the definition and test vectors.
func encodeContext(context map[string]string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{contextVersion}, uint32(len(context)))
	for _, name := range slices.Sorted(maps.Keys(context)) {
		b = appendString(b, name)
		b = appendString(b, context[name])
	}
	return b
}

// decodeContext is the inverse of encodeContext; false for every string that encodeContext does not write. It exists
// to prove that the encoding is injective.
func decodeContext(b []byte) (map[string]string, bool) {
	if len(b) < 5 || b[0] != contextVersion {
		return nil, false
	}
	n := binary.BigEndian.Uint32(b[1:5])
	b = b[5:]
	context := make(map[string]string)
	last := ""
	for i := range n {
		name, rest, ok := cutField(b)
		if !ok || i > 0 && name <= last {
			return nil, false
		}
		value, rest, ok := cutField(rest)
		if !ok {
			return nil, false
		}
		context[name], last, b = value, name, rest
	}
	return context, len(b) == 0
}

func cutField(b []byte) (field string, rest []byte, ok bool) {
	if len(b) < 4 {
		return "", nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return "", nil, false
	}
	return string(b[4 : 4+n]), b[4+n:], true
}
