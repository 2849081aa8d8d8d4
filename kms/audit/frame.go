package audit

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strconv"
)

// The parts of a line. Its check is of fixed length, so that a line is taken apart from its two ends.
const (
	headOpen   = `{"seq":`
	headClose  = `,"record":`
	checkOpen  = `,"crc":"`
	checkClose = `"}`
	checkSize  = len(checkOpen) + 8 + len(checkClose)
)

// MaxRecord is the greatest length of one record in octets.
const MaxRecord = 1 << 20

// maxLine is the length of the longest line with its line feed; 20 is that of the longest sequence number.
const maxLine = len(headOpen) + 20 + len(headClose) + MaxRecord + checkSize + 1

// castagnoli is CRC-32C, which processors compute.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends the line of a record, with its line feed.
func appendFrame(b []byte, seq uint64, record []byte) []byte {
	start := len(b)
	b = append(b, headOpen...)
	b = strconv.AppendUint(b, seq, 10)
	b = append(b, headClose...)
	b = append(b, record...)
	b = appendCheck(b, b[start:])
	return append(b, '\n')
}

// appendCheck appends what follows body on a line.
func appendCheck(b, body []byte) []byte {
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(body, castagnoli))
	b = append(b, checkOpen...)
	b = hex.AppendEncode(b, sum)
	return append(b, checkClose...)
}

// parseFrame takes a line without its line feed apart; false if it fails the check. The record is a part of line.
func parseFrame(line []byte) (seq uint64, record []byte, ok bool) {
	cut := len(line) - checkSize
	if cut < len(headOpen) || !bytes.HasPrefix(line, []byte(headOpen)) {
		return 0, nil, false
	}
	body := line[:cut]
	digits, record, _ := bytes.Cut(body[len(headOpen):], []byte(headClose))
	if len(record) < 2 || len(record) > MaxRecord || record[0] != '{' || record[len(record)-1] != '}' {
		return 0, nil, false
	}
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	// Only the one spelling that appendFrame has: no sign, no leading zero.
	if err != nil || strconv.FormatUint(seq, 10) != string(digits) {
		return 0, nil, false
	}
	if !bytes.Equal(line[cut:], appendCheck(nil, body)) {
		return 0, nil, false
	}
	return seq, record, true
}
