package cli

import (
	"net"
	"syscall"
)

// peerOf asks the kernel who opened a connection of a Unix socket (SO_PEERCRED, unix(7)).
func peerOf(c *net.UnixConn) (p peer, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return p, err
	}
	var cred *syscall.Ucred
	failed := raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if failed != nil || err != nil {
		return p, orElse(err, failed)
	}
	return peer{pid: int(cred.Pid), uid: int(cred.Uid)}, nil
}

func orElse(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
