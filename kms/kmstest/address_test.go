package kmstest

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// Who listens elsewhere meanwhile never gets the address, and who asks there is refused.
func TestADesertedAddressStaysDeserted(t *testing.T) {
	address := Deserted(t)
	for range 200 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		if l.Addr().String() == address {
			t.Fatal("somebody else has got the address")
		}
		if c, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("a connection to it: %v, %v", c, err)
		}
	}
}
