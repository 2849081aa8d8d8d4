package httpapi_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms/httpapi"
)

// frame is the header of an HTTP/2 frame (RFC 9113, section 4.1) of connection 0.
func frame(length uint32, kind byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, length<<8|uint32(kind)), 0, 0, 0, 0, 0)
}

// The frames that the test knows, and one of a kind that there is not, which a server reads and passes over.
const (
	settingsFrame = 0x4
	pingFrame     = 0x6
	goAwayFrame   = 0x7
	noFrame       = 0xfa
)

// frameOf reads frames until one of a wanted kind comes, and answers the kind and its payload.
func frameOf(t *testing.T, c net.Conn, wanted ...byte) (byte, []byte) {
	t.Helper()
	for {
		header := make([]byte, 9)
		if _, err := io.ReadFull(c, header); err != nil {
			t.Fatalf("the server answers nothing: %v", err)
		}
		payload := make([]byte, binary.BigEndian.Uint32(header)>>8)
		if _, err := io.ReadFull(c, payload); err != nil {
			t.Fatal(err)
		}
		for _, kind := range wanted {
			if header[3] == kind {
				return kind, payload
			}
		}
	}
}

// A server sets aside what a frame announces before any of it has come, for who has signed nothing yet, and keeps that
// as long as the connection lasts.
func TestAFrameCannotAnnounceMoreThanItsConnectionMayCost(t *testing.T) {
	const most, frameSizeError = 16 << 10, 0x6
	b := newBench(t)
	a, f := newAuthority(t, b.clock.Now()), b.files()
	f.write(a.certify(1))
	address := b.serve(httpapi.Server{TLS: f.config()})
	for length, want := range map[uint32]byte{most: pingFrame, most + 1: goAwayFrame, 1 << 20: goAwayFrame} {
		c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: a.pool(), ServerName: "kms.example.test", Time: b.clock.Now, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		sent := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(0, settingsFrame)...)
		sent = append(sent, frame(length, noFrame)...)
		if length <= most {
			sent = append(append(append(sent, make([]byte, length)...), frame(8, pingFrame)...), make([]byte, 8)...)
		}
		if _, err := c.Write(sent); err != nil {
			t.Fatal(err)
		}
		got, payload := frameOf(t, c, pingFrame, goAwayFrame)
		if got != want || got == goAwayFrame && binary.BigEndian.Uint32(payload[4:]) != frameSizeError {
			t.Errorf("a frame of %d octets is answered with a frame of kind %d, %x; want kind %d", length, got, payload, want)
		}
		_ = c.Close()
	}
}
