package kmstest

import (
	"net"
	"testing"
)

// Deserted is an address of this machine, such as 127.0.0.1:40001, where nobody listens until the test ends. The port of a
// listener that was closed would be one that any other program may get meanwhile; this one stays in use, by a connection.
func Deserted(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() })
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	return l.Addr().String()
}
