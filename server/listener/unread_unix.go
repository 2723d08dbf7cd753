//go:build unix

package listener

import "syscall"

// unread reports whether bytes have come that nobody has read.
func (c *Conn) unread() bool {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	waiting := false
	_ = raw.Control(func(descriptor uintptr) { // a connection that is closed has none
		n, _, err := syscall.Recvfrom(int(descriptor), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		waiting = err == nil && n > 0
	})
	return waiting
}
