package webhook

import (
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of tcp(7): how many milliseconds what was sent may go unacknowledged before the
// kernel gives the connection up.
const tcpUserTimeout = 18

// boundKernel keeps the kernel from sending again, for longer than the attempt may last, what the other side does not
// acknowledge: nobody may be there to close the connection.
func boundKernel(c net.Conn, left time.Duration) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // without it the connection is reset when it is closed, as elsewhere
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(max(left.Milliseconds(), 1)))
	})
}
